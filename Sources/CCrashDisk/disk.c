#define _GNU_SOURCE
#include "disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// The whole of a test lives in memory, and a test without memory has nothing to say.
void *disk_grown(void *memory, size_t bytes) {
    void *found = realloc(memory, bytes);
    if (!found) abort();
    return found;
}

static char *copied(const char *text) {
    char *copy = strdup(text);
    if (!copy) abort();
    return copy;
}

// SplitMix64.
uint64_t disk_random(uint64_t *state) {
    uint64_t mixed = *state += 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    return mixed ^ (mixed >> 31);
}

int disk_enter(struct crash_disk *disk, enum crash_disk_call call) {
    disk->counts[__builtin_ctz(call)] += 1;
    if (disk->is_dead) return EIO;
    if (!(disk->armed_calls & call) || disk->armed_number == 0) return 0;
    if (disk->armed_number > 1) {
        disk->armed_number -= 1;
        return 0;
    }
    switch (disk->armed_fault) {
    case crash_disk_fault_once: disk->armed_number = 0; break;
    case crash_disk_fault_from_now_on: break;
    case crash_disk_fault_power:
        disk->is_dead = true;
        return EIO;
    }
    return disk->armed_code;
}

// MARK: bytes

void bytes_resize(struct bytes *bytes, size_t count) {
    if (count > bytes->capacity) {
        size_t capacity = bytes->capacity ? bytes->capacity : block_bytes;
        while (capacity < count) capacity *= 2;
        bytes->start = disk_grown(bytes->start, capacity);
        bytes->capacity = capacity;
    }
    if (count > bytes->count) memset(bytes->start + bytes->count, 0, count - bytes->count);
    bytes->count = count;
}

void bytes_assign(struct bytes *bytes, const struct bytes *other) {
    bytes_resize(bytes, other->count);
    if (other->count) memcpy(bytes->start, other->start, other->count);
}

static uint64_t blocks(uint64_t size) {
    return (size + block_bytes - 1) / block_bytes * block_bytes;
}

static void note_size(struct inode *inode) {
    if (inode->sizes_count == inode->sizes_capacity) {
        inode->sizes_capacity = inode->sizes_capacity ? inode->sizes_capacity * 2 : 16;
        inode->sizes = disk_grown(inode->sizes, inode->sizes_capacity * sizeof *inode->sizes);
    }
    inode->sizes[inode->sizes_count++] = inode->now.count;
}

// Keeps the sectors from `first` to `last` as they are now.
static void note_sectors(struct inode *inode, uint64_t first, uint64_t last, bool are_empty) {
    for (uint64_t sector = first; sector <= last; sector++) {
        if (inode->versions_count == inode->versions_capacity) {
            size_t capacity = inode->versions_capacity ? inode->versions_capacity * 2 : 64;
            inode->versions = disk_grown(inode->versions, capacity * sizeof *inode->versions);
            inode->versions_capacity = capacity;
        }
        struct version version = {.sector = (uint32_t)sector, .at = zeros};
        if (!are_empty) {
            size_t start = sector * sector_bytes, count = inode->now.count - start;
            if (count > sector_bytes) count = sector_bytes;
            version.at = (uint32_t)inode->kept.count;
            bytes_resize(&inode->kept, inode->kept.count + sector_bytes);
            memcpy(inode->kept.start + version.at, inode->now.start + start, count);
        }
        inode->versions[inode->versions_count++] = version;
    }
}

void inode_forget_versions(struct inode *inode) {
    inode->versions_count = inode->sizes_count = 0;
    inode->kept.count = 0;
}

int disk_write(struct crash_disk *disk, int number, const void *bytes, size_t count, uint64_t at) {
    struct inode *inode = &disk->inodes[number];
    bool was_dead = disk->is_dead;
    int code = disk_enter(disk, crash_disk_call_write);
    // The write at which the power goes is on its way: some of its sectors may arrive.
    if (code && (was_dead || !disk->is_dead)) return code;
    uint64_t end = at + count;
    if (disk->capacity && end > inode->now.count) {
        uint64_t more = blocks(end) - blocks(inode->now.count);
        if (more && disk_used(disk) + more > disk->capacity) {
            disk->refusals += 1;
            return ENOSPC;
        }
    }
    if (count == 0) return code;
    uint64_t before = inode->now.count;
    if (end > before) bytes_resize(&inode->now, end);
    memcpy(inode->now.start + at, bytes, count);
    uint64_t first = at < before ? at : before;
    note_sectors(inode, first / sector_bytes, (end - 1) / sector_bytes, false);
    if (end > before) note_size(inode);
    return code;
}

int disk_truncate(struct crash_disk *disk, int number, uint64_t size) {
    struct inode *inode = &disk->inodes[number];
    if (size == inode->now.count) return 0;
    int code = disk_enter(disk, crash_disk_call_truncate);
    if (code) return code;
    uint64_t before = inode->now.count;
    bytes_resize(&inode->now, size);
    if (size < before) {
        uint64_t whole = (size + sector_bytes - 1) / sector_bytes;
        if (size % sector_bytes) note_sectors(inode, whole - 1, whole - 1, false);
        if (whole * sector_bytes < before)
            note_sectors(inode, whole, (before - 1) / sector_bytes, true);
    }
    note_size(inode);
    return 0;
}

void bytes_put(struct bytes *bytes, const struct inode *inode, struct version version) {
    size_t start = (size_t)version.sector * sector_bytes;
    if (bytes->count < start + sector_bytes) bytes_resize(bytes, start + sector_bytes);
    if (version.at == zeros) memset(bytes->start + start, 0, sector_bytes);
    else memcpy(bytes->start + start, inode->kept.start + version.at, sector_bytes);
}

int disk_sync(struct crash_disk *disk, int number) {
    struct inode *inode = &disk->inodes[number];
    int code = disk_enter(disk, crash_disk_call_sync);
    if (code) return code;
    if (disk->syncs_are_ignored) return 0;
    for (size_t index = 0; index < inode->versions_count; index++)
        bytes_put(&inode->synced, inode, inode->versions[index]);
    bytes_resize(&inode->synced, inode->now.count);
    inode_forget_versions(inode);
    return 0;
}

bool disk_is_spoilt(const struct inode *inode, uint64_t first, uint64_t length) {
    return inode->spoilt_length && first < inode->spoilt_first + inode->spoilt_length
        && inode->spoilt_first < first + length;
}

// MARK: names

int disk_find(const struct names *names, const char *path) {
    for (int index = 0; index < names->count; index++)
        if (strcmp(names->items[index].path, path) == 0) return names->items[index].inode;
    return -1;
}

void names_set(struct names *names, const char *path, int inode) {
    int index = 0;
    while (index < names->count && strcmp(names->items[index].path, path) != 0) index++;
    if (index < names->count && inode >= 0) {
        names->items[index].inode = inode;
    } else if (index < names->count) {
        free(names->items[index].path);
        names->items[index] = names->items[--names->count];
    } else if (inode >= 0) {
        if (names->count == names->capacity) {
            names->capacity = names->capacity ? names->capacity * 2 : 16;
            names->items = disk_grown(names->items, (size_t)names->capacity * sizeof *names->items);
        }
        names->items[names->count++] = (struct name){copied(path), inode};
    }
}

// The length of the directory's part of a path.
static size_t directory_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) : 0;
}

static bool is_in(const char *path, const char *directory, size_t length) {
    return directory_length(path) == length && strncmp(path, directory, length) == 0;
}

bool disk_has_directory_of(struct crash_disk *disk, const char *path) {
    size_t length = directory_length(path);
    if (length == 0) return true;
    char *directory = strndup(path, length);
    if (!directory) abort();
    int inode = disk_find(&disk->now, directory);
    free(directory);
    return inode >= 0 && disk->inodes[inode].is_directory;
}

static void note_change(struct crash_disk *disk, const char *path, const char *from, int inode) {
    if (disk->changes_count == disk->changes_capacity) {
        disk->changes_capacity = disk->changes_capacity ? disk->changes_capacity * 2 : 16;
        disk->changes =
            disk_grown(disk->changes, (size_t)disk->changes_capacity * sizeof *disk->changes);
    }
    disk->changes[disk->changes_count++] =
        (struct change){copied(path), from ? copied(from) : NULL, inode};
}

void change_make_durable(struct crash_disk *disk, const struct change *change) {
    names_set(&disk->synced, change->path, change->inode);
    // The old name may stand for another file by now.
    if (change->from && disk_find(&disk->synced, change->from) == change->inode)
        names_set(&disk->synced, change->from, -1);
}

void change_drop(struct change *change) {
    free(change->path);
    free(change->from);
}

static int add_inode(struct crash_disk *disk, bool is_directory) {
    int number = 0;
    while (number < disk->inodes_count && disk->inodes[number].is_used) number++;
    if (number == disk->inodes_count) {
        size_t bytes = (size_t)(disk->inodes_count + 1) * sizeof *disk->inodes;
        disk->inodes = disk_grown(disk->inodes, bytes);
        disk->inodes_count += 1;
    }
    disk->inodes[number] = (struct inode){.is_used = true, .is_directory = is_directory};
    return number;
}

int disk_create_file(struct crash_disk *disk, const char *path, int *inode) {
    if (!disk_has_directory_of(disk, path)) return ENOENT;
    int code = disk_enter(disk, crash_disk_call_create);
    if (code) return code;
    *inode = add_inode(disk, false);
    names_set(&disk->now, path, *inode);
    note_change(disk, path, NULL, *inode);
    return 0;
}

int disk_unlink(struct crash_disk *disk, const char *path) {
    if (disk_find(&disk->now, path) < 0) return ENOENT;
    int code = disk_enter(disk, crash_disk_call_remove);
    if (code) return code;
    names_set(&disk->now, path, -1);
    note_change(disk, path, NULL, -1);
    return 0;
}

int disk_rename(struct crash_disk *disk, const char *from, const char *to) {
    int inode = disk_find(&disk->now, from);
    if (inode < 0 || !disk_has_directory_of(disk, to)) return ENOENT;
    int code = disk_enter(disk, crash_disk_call_rename);
    if (code) return code;
    names_set(&disk->now, to, inode);
    names_set(&disk->now, from, -1);
    note_change(disk, to, from, inode);
    return 0;
}

int disk_make_directory(struct crash_disk *disk, const char *path) {
    if (disk_find(&disk->now, path) >= 0) return EEXIST;
    if (!disk_has_directory_of(disk, path)) return ENOENT;
    int code = disk_enter(disk, crash_disk_call_make_directory);
    if (code) return code;
    int inode = add_inode(disk, true);
    names_set(&disk->now, path, inode);
    note_change(disk, path, NULL, inode);
    return 0;
}

int disk_sync_directory_of(struct crash_disk *disk, const char *path) {
    int code = disk_enter(disk, crash_disk_call_sync_directory);
    if (code) return code;
    if (disk->syncs_are_ignored) return 0;
    size_t length = directory_length(path);
    int left = 0;
    for (int index = 0; index < disk->changes_count; index++) {
        struct change *change = &disk->changes[index];
        if (is_in(change->path, path, length)) {
            change_make_durable(disk, change);
            change_drop(change);
        } else {
            disk->changes[left++] = *change;
        }
    }
    disk->changes_count = left;
    disk_collect(disk);
    return 0;
}

void inode_free(struct inode *inode) {
    free(inode->now.start);
    free(inode->synced.start);
    free(inode->kept.start);
    free(inode->versions);
    free(inode->sizes);
    if (inode->memory) shared_memory_release(inode->memory);
    *inode = (struct inode){0};
}

static bool leads(const struct names *names, int inode) {
    for (int index = 0; index < names->count; index++)
        if (names->items[index].inode == inode) return true;
    return false;
}

// A file without a name takes no room, even while a power cut could still bring its name back.
uint64_t disk_used(struct crash_disk *disk) {
    uint64_t sum = 0;
    for (int number = 0; number < disk->inodes_count; number++) {
        const struct inode *inode = &disk->inodes[number];
        if (inode->is_used && (inode->handles > 0 || leads(&disk->now, number)))
            sum += blocks(inode->now.count);
    }
    return sum;
}

void disk_collect(struct crash_disk *disk) {
    for (int number = 0; number < disk->inodes_count; number++) {
        struct inode *inode = &disk->inodes[number];
        if (!inode->is_used || inode->handles > 0) continue;
        bool is_wanted = leads(&disk->now, number) || leads(&disk->synced, number);
        for (int index = 0; index < disk->changes_count && !is_wanted; index++)
            is_wanted = disk->changes[index].inode == number;
        if (!is_wanted) inode_free(inode);
    }
}

void names_clear(struct names *names) {
    for (int index = 0; index < names->count; index++) free(names->items[index].path);
    names->count = 0;
}

void names_assign(struct names *names, const struct names *other) {
    names_clear(names);
    for (int index = 0; index < other->count; index++)
        names_set(names, other->items[index].path, other->items[index].inode);
}
