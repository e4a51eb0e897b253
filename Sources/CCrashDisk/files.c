#define _GNU_SOURCE
#include "disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The calls for everything that is not SQLite: each takes the mutex, and works on whole files.

static void enter(struct crash_disk *disk) { pthread_mutex_lock(&disk->mutex); }

static int leave(struct crash_disk *disk, int code) {
    pthread_mutex_unlock(&disk->mutex);
    return code;
}

static int find_file(struct crash_disk *disk, const char *path, int *inode) {
    *inode = disk_find(&disk->now, path);
    if (*inode < 0) return ENOENT;
    return disk->inodes[*inode].is_directory ? EISDIR : 0;
}

int crash_disk_read(
    struct crash_disk *disk, const char *path, void *bytes, size_t capacity, size_t *count) {
    enter(disk);
    int number;
    int code = find_file(disk, path, &number);
    if (code) return leave(disk, code);
    code = disk_enter(disk, crash_disk_call_read);
    if (code) return leave(disk, code);
    const struct inode *inode = &disk->inodes[number];
    *count = inode->now.count < capacity ? inode->now.count : capacity;
    if (disk_is_spoilt(inode, 0, *count)) return leave(disk, EIO);
    if (*count) memcpy(bytes, inode->now.start, *count);
    return leave(disk, 0);
}

int crash_disk_overwrite(
    struct crash_disk *disk, const char *path, const void *bytes, size_t count) {
    enter(disk);
    int number;
    int code = find_file(disk, path, &number);
    if (code == ENOENT) code = disk_create_file(disk, path, &number);
    if (!code) code = disk_write(disk, number, bytes, count, 0);
    if (!code) code = disk_truncate(disk, number, count);
    return leave(disk, code);
}

int crash_disk_sync(struct crash_disk *disk, const char *path) {
    enter(disk);
    int number;
    int code = find_file(disk, path, &number);
    return leave(disk, code ? code : disk_sync(disk, number));
}

int crash_disk_rename(struct crash_disk *disk, const char *from, const char *to) {
    enter(disk);
    return leave(disk, disk_rename(disk, from, to));
}

int crash_disk_remove(struct crash_disk *disk, const char *path) {
    enter(disk);
    int code = disk_unlink(disk, path);
    disk_collect(disk);
    return leave(disk, code);
}

int crash_disk_make_directory(struct crash_disk *disk, const char *path) {
    enter(disk);
    return leave(disk, disk_make_directory(disk, path));
}

int crash_disk_sync_directory(struct crash_disk *disk, const char *path) {
    enter(disk);
    // Any name in it stands for it.
    char *name = NULL;
    if (asprintf(&name, "%s/.", path) < 0) abort();
    int code = disk_has_directory_of(disk, name) ? disk_sync_directory_of(disk, name) : ENOENT;
    free(name);
    return leave(disk, code);
}

int crash_disk_inspect(
    struct crash_disk *disk, const char *path, bool *is_directory, uint64_t *size) {
    enter(disk);
    int number = disk_find(&disk->now, path);
    if (number < 0) return leave(disk, disk->is_dead ? EIO : ENOENT);
    *is_directory = disk->inodes[number].is_directory;
    *size = disk->inodes[number].now.count;
    return leave(disk, disk->is_dead ? EIO : 0);
}

void crash_disk_list(
    struct crash_disk *disk, const char *path, void (*found)(void *context, const char *name),
    void *context) {
    enter(disk);
    size_t length = strlen(path);
    for (int index = 0; index < disk->now.count; index++) {
        const char *name = disk->now.items[index].path;
        if (strncmp(name, path, length) == 0 && name[length] == '/'
            && !strchr(name + length + 1, '/'))
            found(context, name + length + 1);
    }
    leave(disk, 0);
}

int crash_disk_lock(struct crash_disk *disk, const char *path, uint64_t *token) {
    enter(disk);
    struct lock *free_lock = NULL;
    for (int index = 0; index < locks_max; index++) {
        struct lock *lock = &disk->locks[index];
        if (!lock->path) free_lock = lock;
        else if (strcmp(lock->path, path) == 0) return leave(disk, EWOULDBLOCK);
    }
    if (!free_lock) return leave(disk, ENOLCK);
    if (!disk_has_directory_of(disk, path)) return leave(disk, ENOENT);
    free_lock->path = strdup(path);
    if (!free_lock->path) abort();
    free_lock->token = *token = ++disk->tokens;
    return leave(disk, 0);
}

void crash_disk_unlock(struct crash_disk *disk, uint64_t token) {
    enter(disk);
    for (int index = 0; index < locks_max; index++) {
        if (!disk->locks[index].path || disk->locks[index].token != token) continue;
        free(disk->locks[index].path);
        disk->locks[index] = (struct lock){0};
    }
    leave(disk, 0);
}

// MARK: what a test does to a disk

void crash_disk_ignore_syncs(struct crash_disk *disk, bool ignored) {
    enter(disk);
    disk->syncs_are_ignored = ignored;
    leave(disk, 0);
}

void crash_disk_set_capacity(struct crash_disk *disk, uint64_t bytes) {
    enter(disk);
    disk->capacity = bytes;
    leave(disk, 0);
}

uint64_t crash_disk_refusals(struct crash_disk *disk) {
    enter(disk);
    uint64_t refusals = disk->refusals;
    leave(disk, 0);
    return refusals;
}

void crash_disk_set_time(struct crash_disk *disk, int64_t unix_milliseconds) {
    enter(disk);
    disk->unix_milliseconds = unix_milliseconds;
    leave(disk, 0);
}

void crash_disk_arm(
    struct crash_disk *disk, unsigned calls, uint64_t number, enum crash_disk_fault fault,
    int code) {
    enter(disk);
    disk->armed_calls = calls;
    disk->armed_number = number;
    disk->armed_fault = fault;
    disk->armed_code = code;
    leave(disk, 0);
}

uint64_t crash_disk_calls(struct crash_disk *disk, unsigned calls) {
    enter(disk);
    uint64_t sum = 0;
    for (int kind = 0; kind < kinds_count; kind++)
        if (calls & 1u << kind) sum += disk->counts[kind];
    leave(disk, 0);
    return sum;
}

bool crash_disk_is_dead(struct crash_disk *disk) {
    enter(disk);
    bool is_dead = disk->is_dead;
    leave(disk, 0);
    return is_dead;
}

int crash_disk_flip(struct crash_disk *disk, const char *path, uint64_t bit) {
    enter(disk);
    int number;
    int code = find_file(disk, path, &number);
    if (code) return leave(disk, code);
    struct inode *inode = &disk->inodes[number];
    if (bit / 8 >= inode->now.count) return leave(disk, EINVAL);
    inode->now.start[bit / 8] ^= (uint8_t)(1u << bit % 8);
    if (bit / 8 < inode->synced.count) inode->synced.start[bit / 8] ^= (uint8_t)(1u << bit % 8);
    return leave(disk, 0);
}

int crash_disk_spoil(struct crash_disk *disk, const char *path, uint64_t first, uint64_t length) {
    enter(disk);
    int number;
    int code = find_file(disk, path, &number);
    if (code) return leave(disk, code);
    disk->inodes[number].spoilt_first = first;
    disk->inodes[number].spoilt_length = length;
    return leave(disk, 0);
}
