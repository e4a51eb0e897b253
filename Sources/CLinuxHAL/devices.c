#define _GNU_SOURCE
#include "busbar_devices.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int set_up(int descriptor, uint8_t address, int timeout_ms) {
    // I2C_SLAVE and not I2C_SLAVE_FORCE: an address that a kernel driver uses is not ours.
    if (ioctl(descriptor, I2C_SLAVE, (unsigned long)address) != 0) return -1;
    if (ioctl(descriptor, I2C_PEC, 1UL) != 0) return -1;
    if (ioctl(descriptor, I2C_RETRIES, 0UL) != 0) return -1;
    unsigned long tens = timeout_ms < 10 ? 1UL : (unsigned long)timeout_ms / 10;
    return ioctl(descriptor, I2C_TIMEOUT, tens);
}

int busbar_i2c_open(const char *path, uint8_t address, int timeout_ms) {
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return -errno;
    if (set_up(descriptor, address, timeout_ms) == 0) return descriptor;
    int error = errno;
    close(descriptor);
    return -error;
}

int busbar_i2c_abilities(int descriptor) {
    unsigned long bits = 0;
    if (ioctl(descriptor, I2C_FUNCS, &bits) != 0) return -errno;
    int abilities = 0;
    if (bits & I2C_FUNC_SMBUS_READ_BLOCK_DATA) abilities |= busbar_i2c_reads_blocks;
    if (bits & I2C_FUNC_SMBUS_WRITE_BLOCK_DATA) abilities |= busbar_i2c_writes_blocks;
    if (bits & I2C_FUNC_SMBUS_PEC) abilities |= busbar_i2c_has_pec;
    if (bits & I2C_FUNC_I2C) abilities |= busbar_i2c_plain;
    return abilities;
}

int busbar_i2c_read(int descriptor, uint8_t address, uint8_t command, uint8_t *bytes, int length) {
    struct i2c_msg messages[2] = {
        {.addr = address, .flags = 0, .len = 1, .buf = &command},
        {.addr = address, .flags = I2C_M_RD, .len = (uint16_t)length, .buf = bytes},
    };
    struct i2c_rdwr_ioctl_data both = {.msgs = messages, .nmsgs = 2};
    return ioctl(descriptor, I2C_RDWR, &both) >= 0 ? 0 : -errno;
}

int busbar_watchdog_open(const char *path, int seconds, int *granted) {
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return -errno;
    struct watchdog_info about;
    if (ioctl(descriptor, WDIOC_GETSUPPORT, &about) != 0) {
        int error = errno;
        close(descriptor);
        return -error;
    }
    // One that knows no time of its own choosing keeps the one that it has.
    *granted = seconds;
    if (ioctl(descriptor, WDIOC_SETTIMEOUT, granted) != 0 &&
        ioctl(descriptor, WDIOC_GETTIMEOUT, granted) != 0)
        *granted = 0;
    return descriptor;
}

int busbar_watchdog_feed(int descriptor) {
    return ioctl(descriptor, WDIOC_KEEPALIVE, 0) == 0 ? 0 : -errno;
}

int busbar_watchdog_close(int descriptor, int disarms) {
    int error = 0;
    if (disarms && write(descriptor, "V", 1) != 1) error = -errno;
    return close(descriptor) == 0 ? error : -errno;
}
