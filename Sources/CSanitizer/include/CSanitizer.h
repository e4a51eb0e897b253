#ifndef BUSBAR_CSANITIZER_H
#define BUSBAR_CSANITIZER_H

// The region in which a tick may neither allocate nor make a blocking call.
//
// The functions do nothing unless the program was linked with -fsanitize=realtime; then anything in
// the region that allocates, locks, sleeps or does I/O stops the program with its stack.
// `.ci/realtime-sanitizer` links the objects of the release build that way.
void busbar_region_enter(void);
void busbar_region_exit(void);

#endif
