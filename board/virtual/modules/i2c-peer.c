// SPDX-License-Identifier: GPL-2.0-only
/*
 * An I2C bus whose other end is a program.
 *
 * Each transfer on the bus is handed, byte for byte, to the program that has /dev/i2c-peer open;
 * what it answers is what the bus did. So a relay board can be simulated with all that it does: its
 * PEC, a clock that it stretches, an address that nobody acknowledges, a line that it holds for
 * ever. The kernel's i2c-stub cannot: it is memory without behaviour, and without a PEC.
 *
 * Read from /dev/i2c-peer, one transfer each:
 *
 *   u32 number, u8 messages, then for each message: u8 address, u8 flags, u8 length, and the bytes
 *   of a write. Flags: 1 is a read, 2 says that the first byte read counts the bytes behind it.
 *
 * Written to it, the answer to the transfer of that number:
 *
 *   u32 number, s32 status (0, or a negative errno), then the bytes of all reads.
 *
 * Integers are little-endian. A transfer that is not answered within the adapter's time-out
 * (I2C_TIMEOUT) ends with ETIMEDOUT, and an answer that comes later is refused with ESTALE. With
 * nobody behind the bus, no address is acknowledged: ENXIO.
 */
#include <linux/i2c.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <asm/unaligned.h>
#include <linux/wait.h>

/* SMBus needs two messages of at most 35 bytes. */
#define MESSAGES_MAX 2
#define BYTES_MAX 64
#define TRANSFER_MAX (5 + MESSAGES_MAX * (3 + BYTES_MAX))
#define ANSWER_MAX (8 + MESSAGES_MAX * BYTES_MAX)

static bool read_block;
module_param(read_block, bool, 0444);
MODULE_PARM_DESC(read_block,
		 "the adapter can do SMBus block reads, as a Pi 5's can and a Pi 4's cannot");

enum stage { IDLE, ASKED, TAKEN, ANSWERED };

/* One transfer at a time: the I2C core holds the bus for it. */
static struct {
	spinlock_t lock;
	wait_queue_head_t asked, answered;
	bool is_open;
	enum stage stage;
	u32 number;
	u8 transfer[TRANSFER_MAX];
	size_t transfer_length;
	u8 answer[ANSWER_MAX];
	size_t answer_length;
} peer;

static size_t describe(const struct i2c_msg *messages, int count)
{
	u8 *out = peer.transfer;
	int i;

	put_unaligned_le32(peer.number, out);
	out[4] = count;
	out += 5;
	for (i = 0; i < count; i++) {
		bool is_read = messages[i].flags & I2C_M_RD;

		*out++ = messages[i].addr;
		*out++ = (is_read ? 1 : 0) | (messages[i].flags & I2C_M_RECV_LEN ? 2 : 0);
		*out++ = messages[i].len;
		if (is_read)
			continue;
		memcpy(out, messages[i].buf, messages[i].len);
		out += messages[i].len;
	}
	return out - peer.transfer;
}

/* Hands the bytes of an answer to the reads that wait for them. */
static int deliver(struct i2c_msg *messages, int count)
{
	s32 status = (s32)get_unaligned_le32(peer.answer + 4);
	const u8 *in = peer.answer + 8;
	size_t left = peer.answer_length - 8;
	int i;

	if (status)
		return status;
	for (i = 0; i < count; i++) {
		size_t length = messages[i].len;

		if (!(messages[i].flags & I2C_M_RD))
			continue;
		if (messages[i].flags & I2C_M_RECV_LEN) {
			if (!left || in[0] > I2C_SMBUS_BLOCK_MAX)
				return -EPROTO;
			length += in[0];
			messages[i].len = length;
		}
		if (left < length)
			return -EPROTO;
		memcpy(messages[i].buf, in, length);
		in += length;
		left -= length;
	}
	return count;
}

static int peer_transfer(struct i2c_adapter *adapter, struct i2c_msg *messages, int count)
{
	int result;

	spin_lock(&peer.lock);
	if (!peer.is_open) {
		spin_unlock(&peer.lock);
		return -ENXIO;
	}
	peer.number++;
	peer.transfer_length = describe(messages, count);
	peer.stage = ASKED;
	spin_unlock(&peer.lock);
	wake_up(&peer.asked);

	wait_event_timeout(peer.answered,
			   READ_ONCE(peer.stage) == ANSWERED || !READ_ONCE(peer.is_open),
			   adapter->timeout);

	spin_lock(&peer.lock);
	if (peer.stage == ANSWERED)
		result = deliver(messages, count);
	else
		result = peer.is_open ? -ETIMEDOUT : -ENXIO;
	peer.stage = IDLE;
	spin_unlock(&peer.lock);
	return result;
}

static u32 peer_functionality(struct i2c_adapter *adapter)
{
	return I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL |
	       (read_block ? I2C_FUNC_SMBUS_READ_BLOCK_DATA : 0);
}

static const struct i2c_algorithm peer_algorithm = {
	.master_xfer = peer_transfer,
	.functionality = peer_functionality,
};

static const struct i2c_adapter_quirks peer_quirks = {
	.max_num_msgs = MESSAGES_MAX,
	.max_write_len = BYTES_MAX,
	.max_read_len = BYTES_MAX,
};

static struct i2c_adapter peer_adapter = {
	.owner = THIS_MODULE,
	.name = "i2c-peer",
	.algo = &peer_algorithm,
	.quirks = &peer_quirks,
	.timeout = HZ,
	/* The Pi's bus on pins 3 and 5 of the header: /dev/i2c-1. */
	.nr = 1,
};

static int peer_open(struct inode *inode, struct file *file)
{
	int result = 0;

	spin_lock(&peer.lock);
	if (peer.is_open)
		result = -EBUSY;
	peer.is_open = true;
	spin_unlock(&peer.lock);
	return result;
}

static int peer_release(struct inode *inode, struct file *file)
{
	spin_lock(&peer.lock);
	peer.is_open = false;
	spin_unlock(&peer.lock);
	wake_up(&peer.answered);
	return 0;
}

static ssize_t peer_read(struct file *file, char __user *user, size_t size, loff_t *offset)
{
	u8 copy[TRANSFER_MAX];
	size_t length;

	for (;;) {
		spin_lock(&peer.lock);
		if (peer.stage == ASKED)
			break;
		spin_unlock(&peer.lock);
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(peer.asked, READ_ONCE(peer.stage) == ASKED))
			return -ERESTARTSYS;
	}
	length = peer.transfer_length;
	if (size < length) {
		spin_unlock(&peer.lock);
		return -EMSGSIZE;
	}
	memcpy(copy, peer.transfer, length);
	peer.stage = TAKEN;
	spin_unlock(&peer.lock);
	return copy_to_user(user, copy, length) ? -EFAULT : length;
}

static ssize_t peer_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	u8 copy[ANSWER_MAX];
	ssize_t result = size;

	if (size < 8 || size > sizeof(copy))
		return -EMSGSIZE;
	if (copy_from_user(copy, user, size))
		return -EFAULT;
	spin_lock(&peer.lock);
	if (peer.stage == TAKEN && get_unaligned_le32(copy) == peer.number) {
		memcpy(peer.answer, copy, size);
		peer.answer_length = size;
		peer.stage = ANSWERED;
	} else {
		result = -ESTALE;
	}
	spin_unlock(&peer.lock);
	wake_up(&peer.answered);
	return result;
}

static __poll_t peer_poll(struct file *file, poll_table *table)
{
	poll_wait(file, &peer.asked, table);
	return READ_ONCE(peer.stage) == ASKED ? EPOLLIN | EPOLLRDNORM : 0;
}

static const struct file_operations peer_operations = {
	.owner = THIS_MODULE,
	.open = peer_open,
	.release = peer_release,
	.read = peer_read,
	.write = peer_write,
	.poll = peer_poll,
};

static struct miscdevice peer_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "i2c-peer",
	.fops = &peer_operations,
};

static int __init peer_init(void)
{
	int result;

	spin_lock_init(&peer.lock);
	init_waitqueue_head(&peer.asked);
	init_waitqueue_head(&peer.answered);
	result = misc_register(&peer_device);
	if (result)
		return result;
	result = i2c_add_numbered_adapter(&peer_adapter);
	if (result)
		misc_deregister(&peer_device);
	return result;
}

static void __exit peer_exit(void)
{
	i2c_del_adapter(&peer_adapter);
	misc_deregister(&peer_device);
}

module_init(peer_init);
module_exit(peer_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("An I2C bus whose other end is a program");
