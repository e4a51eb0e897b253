// A tick that never ends, for the unmodified busbard: loaded in front of the C library, it lets the
// control thread's next call of the I2C bus spin as soon as /run/spin exists.
//
// As a defect would: in the middle of a tick, at the thread's real-time priority, with all that the
// tick has not yet done left undone.
#define _GNU_SOURCE
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int ioctl(int descriptor, unsigned long request, ...) {
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);

    char name[16] = "";
    prctl(PR_GET_NAME, name);
    if (strcmp(name, "control") == 0 && access("/run/spin", F_OK) == 0) {
        // Volatile, or the compiler may take an endless loop without effect away.
        for (volatile int forever = 1; forever;) {
        }
    }
    return (int)syscall(SYS_ioctl, descriptor, request, argument);
}
