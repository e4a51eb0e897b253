#define _GNU_SOURCE
#include "busbar_process.h"

#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timex.h>
#include <unistd.h>

enum {
    page_bytes = 4096,
    // Left untouched: the thread's own data at the top of the stack and the frames that are live.
    stack_reserve_bytes = 64 * 1024,
    name_bytes = 16,
};

struct start {
    void (*body)(void *context);
    void *context;
    size_t stack_bytes;
    char name[name_bytes];
};

// Touches the stack page by page, so that no tick meets a page fault there.
static __attribute__((noinline)) void prefault(size_t bytes) {
    volatile char *area = __builtin_alloca(bytes);
    for (size_t at = 0; at < bytes; at += page_bytes) area[at] = 0;
}

static void *run(void *argument) {
    struct start start = *(struct start *)argument;
    free(argument);
    pthread_setname_np(pthread_self(), start.name);
    prefault(start.stack_bytes - stack_reserve_bytes);
    start.body(start.context);
    return NULL;
}

int busbar_thread_start(pthread_t *thread, const char *name, size_t stack_bytes, int fifo_priority,
                        void (*body)(void *context), void *context) {
    if (stack_bytes < 2 * stack_reserve_bytes) return -EINVAL;
    struct start *start = malloc(sizeof *start);
    if (start == NULL) return -ENOMEM;
    *start = (struct start){.body = body, .context = context, .stack_bytes = stack_bytes};
    strncpy(start->name, name, name_bytes - 1);

    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0) {
        free(start);
        return -error;
    }
    error = pthread_attr_setstacksize(&attributes, stack_bytes);
    if (error == 0 && fifo_priority > 0) {
        struct sched_param parameters = {.sched_priority = fifo_priority};
        error = pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
        if (error == 0) error = pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
        if (error == 0) error = pthread_attr_setschedparam(&attributes, &parameters);
    }
    if (error == 0) error = pthread_create(thread, &attributes, run, start);
    pthread_attr_destroy(&attributes);
    if (error != 0) free(start);
    return -error;
}

static uint64_t raise_limit(int resource, rlim_t wanted) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0) return 0;
    if (limit.rlim_cur >= wanted) return limit.rlim_cur;

    struct rlimit raised = {.rlim_cur = wanted, .rlim_max = limit.rlim_max};
    if (raised.rlim_max < wanted) raised.rlim_max = wanted;
    if (setrlimit(resource, &raised) == 0) return raised.rlim_cur;

    // Only root may raise the hard limit; anybody may go up to it.
    raised.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    raised.rlim_max = limit.rlim_max;
    if (setrlimit(resource, &raised) == 0) return raised.rlim_cur;
    return limit.rlim_cur;
}

uint64_t busbar_raise_locked_memory_limit(uint64_t wanted) {
    return raise_limit(RLIMIT_MEMLOCK, wanted);
}

uint64_t busbar_raise_descriptor_limit(uint64_t wanted) {
    return raise_limit(RLIMIT_NOFILE, wanted);
}

int busbar_lock_memory(void) {
    return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0 ? 0 : -errno;
}

void busbar_keep_heap(void) {
    malloc_trim(0);
    mallopt(M_TRIM_THRESHOLD, -1);
    mallopt(M_MMAP_MAX, 0);
}

void busbar_release_free_heap(void) { malloc_trim(0); }

// Old linkers could make code that the dynamic linker writes to.
static int has_text_relocations(const struct dl_phdr_info *object) {
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_DYNAMIC) continue;
        const ElfW(Dyn) *entry = (const void *)(object->dlpi_addr + segment->p_vaddr);
        for (; entry->d_tag != DT_NULL; entry++) {
            if (entry->d_tag == DT_TEXTREL) return 1;
            if (entry->d_tag == DT_FLAGS && entry->d_un.d_val & DF_TEXTREL) return 1;
        }
    }
    return 0;
}

// More than any linker makes: about a dozen are usual.
enum { SEGMENTS_MAX = 64 };

static int release_object(struct dl_phdr_info *object, size_t size, void *context) {
    (void)size;
    uint64_t *released = context;
    if (object->dlpi_phnum > SEGMENTS_MAX || has_text_relocations(object)) return 0;
    // The list of segments stands in the first of them. To read on in it after that one was let go
    // of would bring it back, and with it all that the kernel maps around a fault: 64 KiB of each
    // library.
    ElfW(Phdr) segments[SEGMENTS_MAX];
    memcpy(segments, object->dlpi_phdr, object->dlpi_phnum * sizeof *segments);
    uintptr_t base = object->dlpi_addr;
    int count = object->dlpi_phnum;
    // 4096 on most machines, 16384 on a Raspberry Pi 5.
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < count; i++) {
        const ElfW(Phdr) *segment = &segments[i];
        if (segment->p_type != PT_LOAD || segment->p_flags & PF_W) continue;
        uintptr_t start = (base + segment->p_vaddr) & ~(page - 1);
        uintptr_t end = base + segment->p_vaddr + segment->p_memsz;
        size_t length = (end - start) & ~(page - 1);
        // What the kernel will not let go stays; nothing depends on it.
        if (madvise((void *)start, length, MADV_DONTNEED) == 0) *released += length;
    }
    return 0;
}

uint64_t busbar_release_program_pages(void) {
    uint64_t released = 0;
    dl_iterate_phdr(release_object, &released);
    return released;
}

int busbar_stop_signal_open(void) {
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    int error = pthread_sigmask(SIG_BLOCK, &stop, NULL);
    if (error != 0) return -error;
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) return -errno;
    int descriptor = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
    return descriptor >= 0 ? descriptor : -errno;
}

int busbar_stop_signal_take(int descriptor) {
    struct signalfd_siginfo taken;
    ssize_t length;
    do {
        length = read(descriptor, &taken, sizeof taken);
    } while (length < 0 && errno == EINTR);
    if (length == (ssize_t)sizeof taken) return (int)taken.ssi_signo;
    return length < 0 && errno != EAGAIN ? -errno : 0;
}

int busbar_wall_clock_is_synced(void) {
    struct timex state = {.modes = 0};
    int verdict = adjtimex(&state);
    if (verdict < 0) return -errno;
    return verdict != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}
