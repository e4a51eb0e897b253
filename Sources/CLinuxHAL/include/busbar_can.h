#ifndef BUSBAR_CAN_H
#define BUSBAR_CAN_H

// A raw CAN socket: many frames by one call, each with the kernel's time of its arrival. Each
// function returns 0 or more, or a negative errno. None of them waits.

#include <stdint.h>

// The bits beside an identifier, as the kernel's linux/can.h has them.
#define BUSBAR_CAN_EXTENDED 0x80000000u
#define BUSBAR_CAN_REMOTE 0x40000000u
#define BUSBAR_CAN_ERROR 0x20000000u

// The most frames that one call takes.
enum { busbar_can_batch = 64 };

struct busbar_can_frame {
    // Nanoseconds on CLOCK_REALTIME at which the kernel took the frame in; 0 if it did not say.
    int64_t wall;
    // With the bits above.
    uint32_t identifier;
    // Bytes of payload: 8 at most, or 64 in a CAN FD frame.
    uint8_t length;
    // The first eight; zero where nothing was sent.
    uint8_t payload[8];
};

// A socket on `interface` through which only data frames with the identifiers given come, and
// every error frame.
int busbar_can_open(const char *interface, const uint32_t *identifiers, int count);

// Takes up to `maximum` frames (64 at most) off the socket and returns how many. `*dropped` becomes
// the number of frames that the socket had no room for since it was opened, modulo 2^32; it is left
// as it is when no frame came.
int busbar_can_receive(int descriptor, struct busbar_can_frame *frames, int maximum,
                       uint32_t *dropped);

// A socket on no interface, for asking about them.
int busbar_can_query_socket(void);

// 1 if the interface is up, 0 if it is down, -ENODEV if there is none of that name.
int busbar_can_is_up(int descriptor, const char *interface);

// The number of the interface: another one under the same name has another. 0 if there is none.
unsigned int busbar_can_index(const char *interface);

#endif
