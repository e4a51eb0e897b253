#include "CSanitizer.h"

#include <stdio.h>

// Weak: where the sanitizer is not linked, the addresses are null and nothing is called.
extern void __rtsan_ensure_initialized(void) __attribute__((weak));
extern void __rtsan_realtime_enter(void) __attribute__((weak));
extern void __rtsan_realtime_exit(void) __attribute__((weak));

// Counted only under the sanitizer, where one thread runs the loop.
static unsigned long entries;

void busbar_region_enter(void) {
    if (__rtsan_realtime_enter == NULL) return;
    if (entries == 0) __rtsan_ensure_initialized();
    entries += 1;
    __rtsan_realtime_enter();
}

void busbar_region_exit(void) {
    if (__rtsan_realtime_exit != NULL) __rtsan_realtime_exit();
}

// A run that never entered the region proves nothing, so the number is told at the end and
// `.ci/realtime-sanitizer` demands it.
__attribute__((destructor)) static void report(void) {
    if (__rtsan_realtime_enter == NULL) return;
    fprintf(stderr, "RealtimeSanitizer: the region was entered %lu times\n", entries);
}
