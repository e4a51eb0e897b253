// Tries what a taken-over daemon would try, and prints a line for each: its name, and 0 or the
// kernel's error by name. Started by check_systemd.py, once in a unit's sandbox and once without.
//
//   sandbox_probe OWNED_FOLDER STATE_FOLDER

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static void say(const char *name, long result) {
    printf("%s %s\n", name, result >= 0 ? "0" : strerrorname_np(errno));
}

static void open_socket(const char *name, int family, int type) {
    int socket_ = socket(family, type, 0);
    say(name, socket_);
    if (socket_ >= 0) close(socket_);
}

static void write_below(const char *name, const char *folder) {
    char path[512];
    snprintf(path, sizeof path, "%s/probe", folder);
    int file = open(path, O_WRONLY | O_CREAT, 0600);
    say(name, file);
    if (file < 0) return;
    close(file);
    unlink(path);
}

static void set_user_bit(const char *folder) {
    char path[512];
    snprintf(path, sizeof path, "%s/bit", folder);
    int file = open(path, O_WRONLY | O_CREAT, 0600);
    if (file < 0) return say("setuid-file", file);
    say("setuid-file", fchmod(file, 04700));
    close(file);
    unlink(path);
}

static void list(const char *name, const char *path) {
    DIR *folder = opendir(path);
    say(name, folder == NULL ? -1 : 0);
    if (folder != NULL) closedir(folder);
}

static void map_code(void) {
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);
    say("write-and-execute", page == MAP_FAILED ? -1 : 0);
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    open_socket("inet", AF_INET, SOCK_STREAM);
    open_socket("packet", AF_PACKET, SOCK_RAW);
    open_socket("netlink", AF_NETLINK, SOCK_RAW);
    open_socket("unix", AF_UNIX, SOCK_STREAM);
    write_below("write-elsewhere", arguments[1]);
    write_below("write-state", arguments[2]);
    set_user_bit(arguments[2]);
    list("home", "/home");
    list("other-process", "/proc/1");
    map_code();
    say("new-name-space", unshare(CLONE_NEWUTS | CLONE_NEWUSER));
    say("personality", personality(ADDR_NO_RANDOMIZE));
    struct timex quality = {.modes = 0};
    say("read-clock", adjtimex(&quality));
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    say("set-clock", clock_settime(CLOCK_REALTIME, &now));
    struct sched_param priority = {.sched_priority = 80};
    say("fifo-80", sched_setscheduler(0, SCHED_FIFO, &priority));
    priority.sched_priority = 81;
    say("fifo-81", sched_setscheduler(0, SCHED_FIFO, &priority));
    return 0;
}
