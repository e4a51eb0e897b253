#ifndef BUSBAR_DEVICES_H
#define BUSBAR_DEVICES_H

// What i2c-dev and watchdog devices are told by ioctl, which Swift cannot call. Each function
// returns 0 or more, or a negative errno.

#include <stdint.h>

// What an I2C adapter can do.
enum {
    // Block reads whose length the target gives. A Pi 4's adapter cannot.
    busbar_i2c_reads_blocks = 1,
    busbar_i2c_writes_blocks = 2,
    // Packet error codes, made and checked by the kernel or by the adapter.
    busbar_i2c_has_pec = 4,
    // Plain I2C messages.
    busbar_i2c_plain = 8,
};

// Opens an i2c-dev node for the target at `address`, with PEC, without repeats by the kernel, and
// with at most `timeout_ms` (rounded down to 10 ms, 10 ms at least) for each transfer. The last two
// hold for the whole adapter.
int busbar_i2c_open(const char *path, uint8_t address, int timeout_ms);

// The bits above.
int busbar_i2c_abilities(int descriptor);

// Writes `command` to the target and reads exactly `length` bytes after a repeated start.
int busbar_i2c_read(int descriptor, uint8_t address, uint8_t command, uint8_t *bytes, int length);

// Opens, and with that arms, a watchdog that resets the machine `seconds` after it was last fed, or
// after what the hardware has instead; returns the descriptor and writes the time that it took.
// -ENOTTY: this is no watchdog.
int busbar_watchdog_open(const char *path, int seconds, int *granted);

int busbar_watchdog_feed(int descriptor);

// With `disarms` the watchdog is stopped (magic close); without, it goes on and will reset.
int busbar_watchdog_close(int descriptor, int disarms);

#endif
