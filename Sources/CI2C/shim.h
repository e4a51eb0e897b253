/* smbus.h uses the kernel's types and does not include them itself. */
#include <linux/types.h>
#include <linux/i2c.h>
#include <i2c/smbus.h>
