#define _GNU_SOURCE
#include "disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// SQLite's way to the disk. Locks and shared memory are those of one machine: they know nothing of
// processes, because a test plays all of them in one.

struct file {
    sqlite3_file base;
    struct crash_disk *disk;
    // NULL for a temporary file.
    char *path;
    int inode;
    uint64_t generation;
    int lock;
    // A log or journal that was just made: its first sync makes its name durable too, as SQLite's
    // own VFS does it.
    bool wants_directory_sync;
    bool is_deleted_on_close;
    struct shared_memory *memory;
    uint16_t shared_mask, exclusive_mask;
};

static struct file *entered(sqlite3_file *opened) {
    struct file *file = (struct file *)opened;
    pthread_mutex_lock(&file->disk->mutex);
    return file;
}

static int leave(struct file *file, int code) {
    pthread_mutex_unlock(&file->disk->mutex);
    return code;
}

static bool is_stale(const struct file *file) {
    return file->generation != file->disk->generation;
}

static int sqlite_code(int code, int otherwise) {
    return code == 0 ? SQLITE_OK : code == ENOSPC ? SQLITE_FULL : otherwise;
}

static int vfs_read(sqlite3_file *opened, void *bytes, int count, sqlite3_int64 at) {
    struct file *file = entered(opened);
    if (is_stale(file)) return leave(file, SQLITE_IOERR_READ);
    if (disk_enter(file->disk, crash_disk_call_read)) return leave(file, SQLITE_IOERR_READ);
    const struct inode *inode = &file->disk->inodes[file->inode];
    if (disk_is_spoilt(inode, (uint64_t)at, (uint64_t)count))
        return leave(file, SQLITE_IOERR_READ);
    uint64_t size = inode->now.count;
    uint64_t there = (uint64_t)at >= size ? 0 : size - (uint64_t)at;
    if (there >= (uint64_t)count) {
        memcpy(bytes, inode->now.start + at, (size_t)count);
        return leave(file, SQLITE_OK);
    }
    if (there) memcpy(bytes, inode->now.start + at, there);
    memset((char *)bytes + there, 0, (size_t)count - there);
    return leave(file, SQLITE_IOERR_SHORT_READ);
}

static int vfs_write(sqlite3_file *opened, const void *bytes, int count, sqlite3_int64 at) {
    struct file *file = entered(opened);
    if (is_stale(file)) return leave(file, SQLITE_IOERR_WRITE);
    int code = disk_write(file->disk, file->inode, bytes, (size_t)count, (uint64_t)at);
    return leave(file, sqlite_code(code, SQLITE_IOERR_WRITE));
}

static int vfs_truncate(sqlite3_file *opened, sqlite3_int64 size) {
    struct file *file = entered(opened);
    if (is_stale(file)) return leave(file, SQLITE_IOERR_TRUNCATE);
    int code = disk_truncate(file->disk, file->inode, (uint64_t)size);
    return leave(file, sqlite_code(code, SQLITE_IOERR_TRUNCATE));
}

static int vfs_sync(sqlite3_file *opened, int flags) {
    (void)flags;
    struct file *file = entered(opened);
    if (is_stale(file)) return leave(file, SQLITE_IOERR_FSYNC);
    if (disk_sync(file->disk, file->inode)) return leave(file, SQLITE_IOERR_FSYNC);
    if (file->wants_directory_sync) {
        if (disk_sync_directory_of(file->disk, file->path))
            return leave(file, SQLITE_IOERR_DIR_FSYNC);
        file->wants_directory_sync = false;
    }
    return leave(file, SQLITE_OK);
}

static int vfs_size(sqlite3_file *opened, sqlite3_int64 *size) {
    struct file *file = entered(opened);
    if (is_stale(file) || file->disk->is_dead) return leave(file, SQLITE_IOERR_FSTAT);
    *size = (sqlite3_int64)file->disk->inodes[file->inode].now.count;
    return leave(file, SQLITE_OK);
}

// MARK: locks of the file

static void let_go(struct file *file, struct inode *inode, int level) {
    if (file->lock >= SQLITE_LOCK_RESERVED && level < SQLITE_LOCK_RESERVED) inode->reserved = 0;
    if (file->lock >= SQLITE_LOCK_PENDING && level < SQLITE_LOCK_PENDING) inode->pending = 0;
    if (file->lock == SQLITE_LOCK_EXCLUSIVE && level < SQLITE_LOCK_EXCLUSIVE)
        inode->exclusive = 0;
    if (file->lock >= SQLITE_LOCK_SHARED && level < SQLITE_LOCK_SHARED) inode->shared -= 1;
    file->lock = level;
}

static int vfs_lock(sqlite3_file *opened, int level) {
    struct file *file = entered(opened);
    if (is_stale(file) || file->disk->is_dead) return leave(file, SQLITE_IOERR_LOCK);
    struct inode *inode = &file->disk->inodes[file->inode];
    if (file->lock >= level) return leave(file, SQLITE_OK);
    if (level == SQLITE_LOCK_SHARED) {
        if (inode->pending || inode->exclusive) return leave(file, SQLITE_BUSY);
        inode->shared += 1;
    } else if (level == SQLITE_LOCK_RESERVED) {
        if (inode->reserved) return leave(file, SQLITE_BUSY);
        inode->reserved = 1;
    } else {
        if (inode->reserved && file->lock < SQLITE_LOCK_RESERVED) return leave(file, SQLITE_BUSY);
        if (inode->pending && file->lock < SQLITE_LOCK_PENDING) return leave(file, SQLITE_BUSY);
        inode->reserved = inode->pending = 1;
        file->lock = SQLITE_LOCK_PENDING;
        if (inode->shared > 1) return leave(file, SQLITE_BUSY);
        inode->exclusive = 1;
    }
    file->lock = level;
    return leave(file, SQLITE_OK);
}

static int vfs_unlock(sqlite3_file *opened, int level) {
    struct file *file = entered(opened);
    if (!is_stale(file) && file->lock > level)
        let_go(file, &file->disk->inodes[file->inode], level);
    file->lock = level;
    return leave(file, SQLITE_OK);
}

static int vfs_check_reserved(sqlite3_file *opened, int *is_reserved) {
    struct file *file = entered(opened);
    *is_reserved = !is_stale(file) && file->disk->inodes[file->inode].reserved;
    return leave(file, SQLITE_OK);
}

// MARK: shared memory of the log's index

void shared_memory_release(struct shared_memory *memory) {
    memory->references -= 1;
    if (memory->references > 0) return;
    for (int region = 0; region < memory->regions_count; region++) free(memory->regions[region]);
    free(memory->regions);
    free(memory);
}

static int vfs_shm_map(
    sqlite3_file *opened, int region, int size, int extend, void volatile **start) {
    struct file *file = entered(opened);
    *start = NULL;
    if (is_stale(file) || file->disk->is_dead) return leave(file, SQLITE_IOERR_SHMMAP);
    struct inode *inode = &file->disk->inodes[file->inode];
    if (!inode->memory) {
        inode->memory = disk_grown(NULL, sizeof *inode->memory);
        *inode->memory = (struct shared_memory){.references = 1};
    }
    if (!file->memory) {
        file->memory = inode->memory;
        file->memory->references += 1;
    }
    struct shared_memory *memory = file->memory;
    if (region >= memory->regions_count) {
        if (!extend) return leave(file, SQLITE_OK);
        size_t bytes = (size_t)(region + 1) * sizeof *memory->regions;
        memory->regions = disk_grown(memory->regions, bytes);
        while (memory->regions_count <= region) {
            uint8_t *added = calloc(1, (size_t)size);
            if (!added) abort();
            memory->regions[memory->regions_count++] = added;
        }
    }
    *start = memory->regions[region];
    return leave(file, SQLITE_OK);
}

static int vfs_shm_lock(sqlite3_file *opened, int offset, int count, int flags) {
    struct file *file = entered(opened);
    struct shared_memory *memory = file->memory;
    if (is_stale(file) || file->disk->is_dead || !memory)
        return leave(file, SQLITE_IOERR_SHMLOCK);
    uint16_t mask = (uint16_t)(((1u << count) - 1u) << offset);
    for (int slot = offset; slot < offset + count && !(flags & SQLITE_SHM_UNLOCK); slot++) {
        bool is_mine = file->shared_mask & 1u << slot;
        if (memory->exclusive[slot] && !(file->exclusive_mask & 1u << slot))
            return leave(file, SQLITE_BUSY);
        if ((flags & SQLITE_SHM_EXCLUSIVE) && memory->shared[slot] > (is_mine ? 1 : 0))
            return leave(file, SQLITE_BUSY);
    }
    for (int slot = offset; slot < offset + count; slot++) {
        uint16_t bit = (uint16_t)(1u << slot);
        if (flags & SQLITE_SHM_UNLOCK) {
            if (file->shared_mask & bit) memory->shared[slot] -= 1;
            if (file->exclusive_mask & bit) memory->exclusive[slot] = false;
        } else if (flags & SQLITE_SHM_EXCLUSIVE) {
            memory->exclusive[slot] = true;
        } else if (!(file->shared_mask & bit)) {
            memory->shared[slot] += 1;
        }
    }
    if (flags & SQLITE_SHM_UNLOCK) {
        file->shared_mask &= (uint16_t)~mask;
        file->exclusive_mask &= (uint16_t)~mask;
    } else if (flags & SQLITE_SHM_EXCLUSIVE) {
        file->exclusive_mask |= mask;
    } else {
        file->shared_mask |= mask;
    }
    return leave(file, SQLITE_OK);
}

static void vfs_shm_barrier(sqlite3_file *opened) { leave(entered(opened), SQLITE_OK); }

static int vfs_shm_unmap(sqlite3_file *opened, int is_deleted) {
    struct file *file = entered(opened);
    struct shared_memory *memory = file->memory;
    if (!memory) return leave(file, SQLITE_OK);
    for (int slot = 0; slot < shm_locks; slot++) {
        if (file->shared_mask & 1u << slot) memory->shared[slot] -= 1;
        if (file->exclusive_mask & 1u << slot) memory->exclusive[slot] = false;
    }
    file->shared_mask = file->exclusive_mask = 0;
    file->memory = NULL;
    shared_memory_release(memory);
    if (is_deleted && !is_stale(file)) {
        struct inode *inode = &file->disk->inodes[file->inode];
        if (inode->memory == memory) {
            inode->memory = NULL;
            shared_memory_release(memory);
        }
    }
    return leave(file, SQLITE_OK);
}

// MARK: opening and closing

static int vfs_close(sqlite3_file *opened) {
    vfs_shm_unmap(opened, 0);
    struct file *file = entered(opened);
    if (!is_stale(file)) {
        struct inode *inode = &file->disk->inodes[file->inode];
        let_go(file, inode, SQLITE_LOCK_NONE);
        inode->handles -= 1;
        // A temporary file goes with its last handle; no fault may keep it.
        if (file->is_deleted_on_close && file->path) (void)disk_unlink(file->disk, file->path);
        disk_collect(file->disk);
    }
    free(file->path);
    return leave(file, SQLITE_OK);
}

static int vfs_control(sqlite3_file *file, int operation, void *argument) {
    (void)file, (void)operation, (void)argument;
    return SQLITE_NOTFOUND;
}

// What SQLite's own VFS for Linux says of a disk.
static int vfs_sector_size(sqlite3_file *file) {
    (void)file;
    return block_bytes;
}

static int vfs_characteristics(sqlite3_file *file) {
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = vfs_close,
    .xRead = vfs_read,
    .xWrite = vfs_write,
    .xTruncate = vfs_truncate,
    .xSync = vfs_sync,
    .xFileSize = vfs_size,
    .xLock = vfs_lock,
    .xUnlock = vfs_unlock,
    .xCheckReservedLock = vfs_check_reserved,
    .xFileControl = vfs_control,
    .xSectorSize = vfs_sector_size,
    .xDeviceCharacteristics = vfs_characteristics,
    .xShmMap = vfs_shm_map,
    .xShmLock = vfs_shm_lock,
    .xShmBarrier = vfs_shm_barrier,
    .xShmUnmap = vfs_shm_unmap,
};

static struct crash_disk *disk_of(sqlite3_vfs *vfs) { return vfs->pAppData; }

static int vfs_open(
    sqlite3_vfs *vfs, const char *path, sqlite3_file *opened, int flags, int *flags_out) {
    struct crash_disk *disk = disk_of(vfs);
    struct file *file = (struct file *)opened;
    *file = (struct file){.disk = disk, .inode = -1};
    char temporary[64];
    pthread_mutex_lock(&disk->mutex);
    if (!path) {
        snprintf(temporary, sizeof temporary, "/temporary-%llu",
            (unsigned long long)++disk->tokens);
        path = temporary;
    }
    file->inode = disk_find(&disk->now, path);
    int code = disk->is_dead ? EIO : 0;
    if (!code && file->inode < 0) {
        code = flags & SQLITE_OPEN_CREATE ? disk_create_file(disk, path, &file->inode) : ENOENT;
        file->wants_directory_sync = flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL);
    } else if (!code && disk->inodes[file->inode].is_directory) {
        code = EISDIR;
    }
    if (code) {
        // Without methods SQLite does not close it.
        pthread_mutex_unlock(&disk->mutex);
        return sqlite_code(code, SQLITE_CANTOPEN);
    }
    file->path = strdup(path);
    if (!file->path) abort();
    file->is_deleted_on_close = flags & SQLITE_OPEN_DELETEONCLOSE;
    file->generation = disk->generation;
    file->base.pMethods = &methods;
    disk->inodes[file->inode].handles += 1;
    if (flags_out) *flags_out = flags;
    return leave(file, SQLITE_OK);
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int wants_directory_sync) {
    struct crash_disk *disk = disk_of(vfs);
    pthread_mutex_lock(&disk->mutex);
    int code = disk_unlink(disk, path);
    int result = sqlite_code(code, SQLITE_IOERR_DELETE);
    if (code == ENOENT) result = SQLITE_IOERR_DELETE_NOENT;
    if (!code && wants_directory_sync && disk_sync_directory_of(disk, path))
        result = SQLITE_IOERR_DIR_FSYNC;
    disk_collect(disk);
    pthread_mutex_unlock(&disk->mutex);
    return result;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *result) {
    struct crash_disk *disk = disk_of(vfs);
    pthread_mutex_lock(&disk->mutex);
    int inode = disk_find(&disk->now, path);
    // SQLite's own VFS takes an empty file for none when it asks whether there is one.
    *result = inode >= 0
        && (flags != SQLITE_ACCESS_EXISTS || disk->inodes[inode].now.count > 0);
    bool is_dead = disk->is_dead;
    pthread_mutex_unlock(&disk->mutex);
    return is_dead ? SQLITE_IOERR_ACCESS : SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int capacity, char *full) {
    (void)vfs;
    int count = snprintf(full, (size_t)capacity, "%s", path);
    return count < capacity ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_randomness(sqlite3_vfs *vfs, int count, char *bytes) {
    struct crash_disk *disk = disk_of(vfs);
    pthread_mutex_lock(&disk->mutex);
    for (int index = 0; index < count; index++) bytes[index] = (char)disk_random(&disk->random);
    pthread_mutex_unlock(&disk->mutex);
    return count;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
    (void)vfs;
    return microseconds;
}

// SQLite counts milliseconds from noon of 24 November 4714 BC.
static int vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *milliseconds) {
    *milliseconds = disk_of(vfs)->unix_milliseconds + 210866760000000;
    return SQLITE_OK;
}

static int vfs_day(sqlite3_vfs *vfs, double *day) {
    sqlite3_int64 milliseconds;
    vfs_time(vfs, &milliseconds);
    *day = (double)milliseconds / 86400000.0;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int capacity, char *text) {
    (void)vfs;
    if (capacity > 0) text[0] = 0;
    return 0;
}

void vfs_prepare(struct crash_disk *disk) {
    disk->vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = sizeof(struct file),
        .mxPathname = 512,
        .zName = disk->vfs_name,
        .pAppData = disk,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_day,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_time,
    };
}
