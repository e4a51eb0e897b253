#define _GNU_SOURCE
#include "disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// How a disk begins and ends, and what a power cut leaves of it.

static pthread_once_t prepared = PTHREAD_ONCE_INIT;

// As the journal does it before its first file: it would be too late for it then.
static void prepare(void) { (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

struct crash_disk *crash_disk_create(const char *name, uint64_t seed) {
    pthread_once(&prepared, prepare);
    struct crash_disk *disk = calloc(1, sizeof *disk);
    if (!disk) return NULL;
    pthread_mutex_init(&disk->mutex, NULL);
    disk->vfs_name = strdup(name);
    if (!disk->vfs_name) abort();
    disk->random = seed;
    vfs_prepare(disk);
    if (sqlite3_vfs_find(name) || sqlite3_vfs_register(&disk->vfs, 0) != SQLITE_OK) {
        free(disk->vfs_name);
        pthread_mutex_destroy(&disk->mutex);
        free(disk);
        return NULL;
    }
    return disk;
}

static void clear(struct crash_disk *disk) {
    for (int number = 0; number < disk->inodes_count; number++) inode_free(&disk->inodes[number]);
    disk->inodes_count = 0;
    names_clear(&disk->now);
    names_clear(&disk->synced);
    for (int index = 0; index < disk->changes_count; index++) change_drop(&disk->changes[index]);
    disk->changes_count = 0;
}

void crash_disk_destroy(struct crash_disk *disk) {
    sqlite3_vfs_unregister(&disk->vfs);
    clear(disk);
    crash_disk_kill(disk);
    free(disk->inodes);
    free(disk->now.items);
    free(disk->synced.items);
    free(disk->changes);
    free(disk->vfs_name);
    pthread_mutex_destroy(&disk->mutex);
    free(disk);
}

// What is open belongs to a machine that is no more.
static void end_machine(struct crash_disk *disk) {
    disk->generation += 1;
    disk->armed_number = 0;
    disk->is_dead = false;
    for (int index = 0; index < locks_max; index++) {
        free(disk->locks[index].path);
        disk->locks[index] = (struct lock){0};
    }
    for (int number = 0; number < disk->inodes_count; number++) {
        struct inode *inode = &disk->inodes[number];
        if (!inode->is_used) continue;
        inode->handles = inode->shared = inode->reserved = inode->pending = inode->exclusive = 0;
        if (inode->memory) shared_memory_release(inode->memory);
        inode->memory = NULL;
    }
    disk_collect(disk);
}

void crash_disk_kill(struct crash_disk *disk) {
    pthread_mutex_lock(&disk->mutex);
    end_machine(disk);
    pthread_mutex_unlock(&disk->mutex);
}

// How likely something unsynced is kept, in quarters: drawn for each file, so that whole files are
// lost and kept as often as halves of them.
static bool is_kept(uint64_t *random, unsigned quarters) {
    return disk_random(random) % 4 < quarters;
}

static void lose_sectors(struct inode *inode, uint64_t *random) {
    unsigned quarters = disk_random(random) % 5;
    uint64_t size = inode->synced.count;
    for (size_t index = 0; index < inode->versions_count; index++)
        if (is_kept(random, quarters)) bytes_put(&inode->synced, inode, inode->versions[index]);
    for (size_t index = 0; index < inode->sizes_count; index++)
        if (is_kept(random, quarters)) size = inode->sizes[index];
    bytes_resize(&inode->synced, size);
    inode_forget_versions(inode);
    bytes_assign(&inode->now, &inode->synced);
}

// A file system may keep the changes of names in order, or each by itself.
static void lose_names(struct crash_disk *disk, uint64_t *random) {
    unsigned quarters = disk_random(random) % 5;
    bool is_ordered = disk_random(random) % 2;
    bool is_going = true;
    for (int index = 0; index < disk->changes_count; index++) {
        if (!is_kept(random, quarters)) is_going = !is_ordered && is_going;
        else if (is_going) change_make_durable(disk, &disk->changes[index]);
        change_drop(&disk->changes[index]);
    }
    disk->changes_count = 0;
    // What is in a directory is gone with it.
    bool has_lost = true;
    while (has_lost) {
        has_lost = false;
        names_assign(&disk->now, &disk->synced);
        for (int index = 0; index < disk->now.count; index++) {
            if (disk_has_directory_of(disk, disk->now.items[index].path)) continue;
            names_set(&disk->synced, disk->now.items[index].path, -1);
            has_lost = true;
        }
    }
}

void crash_disk_lose_power(struct crash_disk *disk, uint64_t seed) {
    pthread_mutex_lock(&disk->mutex);
    uint64_t random = seed;
    for (int number = 0; number < disk->inodes_count; number++)
        if (disk->inodes[number].is_used) lose_sectors(&disk->inodes[number], &random);
    lose_names(disk, &random);
    end_machine(disk);
    pthread_mutex_unlock(&disk->mutex);
}

int crash_disk_copy(struct crash_disk *disk, struct crash_disk *source, bool synced) {
    if (disk == source) return EINVAL;
    // The lower address first: two threads that copy crosswise must not wait for each other.
    struct crash_disk *first = disk < source ? disk : source;
    struct crash_disk *second = first == disk ? source : disk;
    pthread_mutex_lock(&first->mutex);
    pthread_mutex_lock(&second->mutex);
    clear(disk);
    for (int number = 0; number < source->inodes_count; number++) {
        const struct inode *from = &source->inodes[number];
        disk->inodes = disk_grown(disk->inodes, (size_t)(number + 1) * sizeof *disk->inodes);
        disk->inodes_count = number + 1;
        struct inode *to = &disk->inodes[number];
        *to = (struct inode){.is_used = from->is_used, .is_directory = from->is_directory};
        bytes_assign(&to->synced, synced ? &from->synced : &from->now);
        bytes_assign(&to->now, &to->synced);
    }
    names_assign(&disk->synced, synced ? &source->synced : &source->now);
    names_assign(&disk->now, &disk->synced);
    end_machine(disk);
    pthread_mutex_unlock(&second->mutex);
    pthread_mutex_unlock(&first->mutex);
    return 0;
}

uint64_t crash_disk_used(struct crash_disk *disk) {
    pthread_mutex_lock(&disk->mutex);
    uint64_t sum = disk_used(disk);
    pthread_mutex_unlock(&disk->mutex);
    return sum;
}
