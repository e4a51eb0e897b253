#ifndef BUSBAR_CRASH_DISK_INTERNAL_H
#define BUSBAR_CRASH_DISK_INTERNAL_H

#include "CCrashDisk.h"

#include <pthread.h>
#include <sqlite3.h>

enum {
    sector_bytes = 512,
    block_bytes = 4096,
    kinds_count = 9,
    shm_locks = SQLITE_SHM_NLOCK,
    locks_max = 16,
};

// One sector as one write left it, in the order of the writes.
struct version {
    uint32_t sector;
    // Where its bytes are in `kept`; `zeros` for a sector that a truncation emptied.
    uint32_t at;
};
static const uint32_t zeros = UINT32_MAX;

struct bytes {
    uint8_t *start;
    size_t count;
    size_t capacity;
};

// The index of SQLite's write-ahead log, shared by the connections of one machine. It lives as
// long as somebody has it mapped: a process that was killed may close its files late.
struct shared_memory {
    int references;
    int regions_count;
    uint8_t **regions;
    int shared[shm_locks];
    bool exclusive[shm_locks];
};

struct inode {
    bool is_used;
    bool is_directory;
    int handles;
    // As the running machine sees it, and as a power cut would leave it at least.
    struct bytes now, synced;
    struct version *versions;
    size_t versions_count, versions_capacity;
    struct bytes kept;
    uint64_t *sizes;
    size_t sizes_count, sizes_capacity;
    uint64_t spoilt_first, spoilt_length;
    // SQLite's locks on the file.
    int shared, reserved, pending, exclusive;
    struct shared_memory *memory;
};

struct name {
    char *path;
    int inode;
};

struct names {
    struct name *items;
    int count, capacity;
};

// A change of a name that no sync of its directory has made durable yet.
struct change {
    char *path;
    // The name that it had before, if it is a rename.
    char *from;
    // -1: the name is gone.
    int inode;
};

struct lock {
    char *path;
    uint64_t token;
};

struct crash_disk {
    sqlite3_vfs vfs;
    char *vfs_name;
    pthread_mutex_t mutex;
    // Raised by each crash and kill: a file that was opened before is of a machine that is no more.
    uint64_t generation;
    uint64_t random;
    int64_t unix_milliseconds;
    struct inode *inodes;
    int inodes_count;
    struct names now, synced;
    struct change *changes;
    int changes_count, changes_capacity;
    struct lock locks[locks_max];
    uint64_t tokens;
    uint64_t capacity;
    uint64_t refusals;
    bool syncs_are_ignored;
    uint64_t counts[kinds_count];
    unsigned armed_calls;
    uint64_t armed_number;
    enum crash_disk_fault armed_fault;
    int armed_code;
    bool is_dead;
};

// All of these want the mutex held, and return 0 or an errno.

// Counts a call, and tells what it must fail with.
int disk_enter(struct crash_disk *disk, enum crash_disk_call call);
// -1 if there is none.
int disk_find(const struct names *names, const char *path);
bool disk_has_directory_of(struct crash_disk *disk, const char *path);
int disk_create_file(struct crash_disk *disk, const char *path, int *inode);
int disk_write(struct crash_disk *disk, int inode, const void *bytes, size_t count, uint64_t at);
int disk_truncate(struct crash_disk *disk, int inode, uint64_t size);
int disk_sync(struct crash_disk *disk, int inode);
int disk_sync_directory_of(struct crash_disk *disk, const char *path);
int disk_unlink(struct crash_disk *disk, const char *path);
int disk_rename(struct crash_disk *disk, const char *from, const char *to);
int disk_make_directory(struct crash_disk *disk, const char *path);
bool disk_is_spoilt(const struct inode *inode, uint64_t first, uint64_t length);
// Frees files that no name and no handle leads to any more.
void disk_collect(struct crash_disk *disk);
uint64_t disk_random(uint64_t *state);
void shared_memory_release(struct shared_memory *memory);


void *disk_grown(void *memory, size_t bytes);
// Zeros follow what was there.
void bytes_resize(struct bytes *bytes, size_t count);
void bytes_assign(struct bytes *bytes, const struct bytes *other);
// Puts one version of a sector where it belongs.
void bytes_put(struct bytes *bytes, const struct inode *inode, struct version version);
void inode_forget_versions(struct inode *inode);
void inode_free(struct inode *inode);
// An inode of -1 takes the name away.
void names_set(struct names *names, const char *path, int inode);
void names_clear(struct names *names);
void names_assign(struct names *names, const struct names *other);
void change_make_durable(struct crash_disk *disk, const struct change *change);
void change_drop(struct change *change);
uint64_t disk_used(struct crash_disk *disk);

// In vfs.c.
void vfs_prepare(struct crash_disk *disk);

#endif
