#ifndef BUSBAR_PROCESS_H
#define BUSBAR_PROCESS_H

// What a process asks of the kernel, and Swift's Glibc module cannot say: attributes of threads,
// mallopt, signalfd, adjtimex. Each function returns 0 or more, or a negative errno.

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

// Starts a thread with a stack of `stack_bytes`, all of it touched before `body` runs, named `name`
// (15 characters at most). `fifo_priority` 1 to 99 asks for SCHED_FIFO and -EPERM says that it is
// not permitted; 0 gives the ordinary scheduler.
int busbar_thread_start(pthread_t *thread, const char *name, size_t stack_bytes, int fifo_priority,
                        void (*body)(void *context), void *context);

// Raises a limit of this process towards `wanted` as far as it may, never lowers it, and returns
// what it is then; 0 when it cannot even be read. UINT64_MAX is "no limit".
uint64_t busbar_raise_locked_memory_limit(uint64_t wanted);  // bytes
uint64_t busbar_raise_descriptor_limit(uint64_t wanted);     // open files and sockets

// Locks the pages that are resident and those that will be, each when it is first touched.
int busbar_lock_memory(void);

// Gives free heap back once, then never again: after this, malloc and free make no system call for
// as long as the heap has room.
void busbar_keep_heap(void);

// Lets go of the pages of all loaded programs and libraries that are mapped from their files and
// that nothing may write: code and constants, not what was relocated. Returns how many bytes.
uint64_t busbar_release_program_pages(void);

// Gives back what is free on the heap, down to single pages inside it.
void busbar_release_free_heap(void);

// Blocks SIGTERM and SIGINT for this thread and those it starts later, ignores SIGPIPE, and returns
// a descriptor that becomes readable when a stop is asked for.
int busbar_stop_signal_open(void);

// Takes one signal off the descriptor: its number, or 0 when none is pending.
int busbar_stop_signal_take(int descriptor);

// The kernel's opinion of its wall clock: 1 synchronised, 0 not.
int busbar_wall_clock_is_synced(void);

#endif
