#ifndef BUSBAR_CCRASHDISK_H
#define BUSBAR_CCRASHDISK_H

// A disk in memory that forgets, at a power cut, what was not synced: names, sizes and sectors of
// 512 bytes, each by itself. SQLite reaches it by a VFS of its own name, everything else by the
// calls below, which return 0 or an errno. One disk may be used by several threads, and any number
// of disks live side by side.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crash_disk;

// What a disk is asked for, as bits: for counting, and for choosing which call is to fail.
enum crash_disk_call {
    crash_disk_call_create = 1,
    crash_disk_call_write = 2,
    crash_disk_call_sync = 4,
    crash_disk_call_truncate = 8,
    crash_disk_call_rename = 16,
    crash_disk_call_remove = 32,
    crash_disk_call_make_directory = 64,
    crash_disk_call_sync_directory = 128,
    crash_disk_call_read = 256,
};

enum crash_disk_fault {
    // The call fails once, and changes nothing.
    crash_disk_fault_once,
    // It and all after it of the chosen kinds fail.
    crash_disk_fault_from_now_on,
    // The power goes: a write may leave some of its sectors, and everything after it fails until
    // crash_disk_lose_power or crash_disk_kill.
    crash_disk_fault_power,
};

// Makes an empty disk and registers its VFS under `name`. NULL when memory is out or the name is
// taken.
struct crash_disk *crash_disk_create(const char *name, uint64_t seed);
// No connection of the disk's VFS may be open any more.
void crash_disk_destroy(struct crash_disk *disk);
// Makes `disk` hold what `source` holds: what a power cut just now could at worst take down to, if
// `synced`, else all. Files that are open on `disk` become unusable.
int crash_disk_copy(struct crash_disk *disk, struct crash_disk *source, bool synced);

// Cuts the power: of everything that was not synced, each sector, size and name is kept or lost as
// `seed` has it. Files that are open become unusable, and faults are disarmed.
void crash_disk_lose_power(struct crash_disk *disk, uint64_t seed);
// The process is killed: files that are open become unusable, nothing is lost.
void crash_disk_kill(struct crash_disk *disk);
// A card that lies: syncs return at once and make nothing durable.
void crash_disk_ignore_syncs(struct crash_disk *disk, bool ignored);
// Bytes in blocks of 4096 that all files may have together; 0: no limit.
void crash_disk_set_capacity(struct crash_disk *disk, uint64_t bytes);
uint64_t crash_disk_used(struct crash_disk *disk);
// How many writes had no room since the disk was made.
uint64_t crash_disk_refusals(struct crash_disk *disk);
// What SQLite is told of the wall clock: milliseconds since 1970.
void crash_disk_set_time(struct crash_disk *disk, int64_t unix_milliseconds);

// Arms one fault at the `number`-th call from now (1: the next) of the kinds in `calls`; 0 disarms.
// `code` is the errno that a failing call gives.
void crash_disk_arm(
    struct crash_disk *disk, unsigned calls, uint64_t number, enum crash_disk_fault fault,
    int code);
// How many calls of the kinds in `calls` there were since the disk was made.
uint64_t crash_disk_calls(struct crash_disk *disk, unsigned calls);
// Whether the power went by an armed fault and has not come back.
bool crash_disk_is_dead(struct crash_disk *disk);
// Flips one bit of a file, durably. ENOENT, or EINVAL beyond the end.
int crash_disk_flip(struct crash_disk *disk, const char *path, uint64_t bit);
// Reading any of these bytes of a file fails from now on. A length of 0 ends that.
int crash_disk_spoil(struct crash_disk *disk, const char *path, uint64_t first, uint64_t length);

// Reads from the beginning, at most `capacity` bytes.
int crash_disk_read(
    struct crash_disk *disk, const char *path, void *bytes, size_t capacity, size_t *count);
// Creates the file if it is not there, overwrites it in place and cuts it to `count`. Not synced.
int crash_disk_overwrite(
    struct crash_disk *disk, const char *path, const void *bytes, size_t count);
int crash_disk_sync(struct crash_disk *disk, const char *path);
int crash_disk_rename(struct crash_disk *disk, const char *from, const char *to);
int crash_disk_remove(struct crash_disk *disk, const char *path);
int crash_disk_make_directory(struct crash_disk *disk, const char *path);
int crash_disk_sync_directory(struct crash_disk *disk, const char *path);
// ENOENT if there is nothing; the size of a directory is 0.
int crash_disk_inspect(
    struct crash_disk *disk, const char *path, bool *is_directory, uint64_t *size);
// Calls `found` with each name in a directory, without its path. It must not call the disk.
void crash_disk_list(
    struct crash_disk *disk, const char *path, void (*found)(void *context, const char *name),
    void *context);
// A lock that one holder has at a time: EWOULDBLOCK while another has it. It is let go by its
// token, by a power cut, and by a kill.
int crash_disk_lock(struct crash_disk *disk, const char *path, uint64_t *token);
void crash_disk_unlock(struct crash_disk *disk, uint64_t token);

#endif
