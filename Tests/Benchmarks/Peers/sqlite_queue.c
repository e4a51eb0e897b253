/* The same transactions as Busbar's journal, in plain C with SQLite and nothing around it: what the
 * disk and SQLite alone cost. One row of twelve columns an event, GROUP rows a commit, WAL,
 * synchronous=FULL; each 4,000 numbers a commit of its own reserves the next ones. The last column
 * is Busbar's checksum: here a number of its size, that nobody computes.
 *
 *   sqlite_queue FILE LINES GROUP
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static sqlite3 *database;

static void check(int code, const char *what) {
    if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) return;
    fprintf(stderr, "sqlite_queue: %s: %s\n", what, sqlite3_errmsg(database));
    exit(1);
}

static void execute(const char *sql) { check(sqlite3_exec(database, sql, NULL, NULL, NULL), sql); }

static sqlite3_stmt *prepare(const char *sql) {
    sqlite3_stmt *statement = NULL;
    check(
        sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL), sql);
    return statement;
}

static void run(sqlite3_stmt *statement) {
    check(sqlite3_step(statement), "step");
    sqlite3_reset(statement);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double processor_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6
        + (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
}

static long written(void) {
    char line[128];
    long bytes = 0;
    FILE *file = fopen("/proc/self/io", "r");
    if (file == NULL) return 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "write_bytes: %ld", &bytes) == 1) break;
    fclose(file);
    return bytes;
}

static void open_queue(const char *path) {
    check(sqlite3_open_v2(path, &database,
              SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL),
        path);
    execute("PRAGMA page_size = 4096");
    execute("PRAGMA auto_vacuum = NONE");
    execute("PRAGMA journal_mode = WAL");
    execute("PRAGMA temp_store = MEMORY");
    execute("PRAGMA secure_delete = OFF");
    execute("PRAGMA journal_size_limit = 4194304");
    execute("PRAGMA synchronous = FULL");
    execute("CREATE TABLE telemetry_lane("
            "seq INTEGER PRIMARY KEY, run INTEGER NOT NULL, tick INTEGER NOT NULL,"
            "mono_ms INTEGER NOT NULL, wall_ms INTEGER NOT NULL, clock INTEGER NOT NULL,"
            "severity INTEGER NOT NULL, correlation INTEGER NOT NULL,"
            "type TEXT NOT NULL, subject TEXT NOT NULL, data BLOB NOT NULL, checksum INTEGER)");
    execute("CREATE TABLE lanes(lane INTEGER PRIMARY KEY, reserved_to INTEGER NOT NULL,"
            "next INTEGER, counted_to INTEGER NOT NULL, bytes INTEGER NOT NULL)");
    execute("INSERT INTO lanes VALUES(0, 0, 1, 0, 0), (1, 0, 1, 0, 0), (2, 0, 1, 0, 0)");
}

static char **read_lines(const char *path, long *count) {
    char **lines = NULL;
    long capacity = 0;
    char *line = NULL;
    size_t size = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    *count = 0;
    while (getline(&line, &size, file) > 0) {
        if (*count == capacity) {
            capacity = capacity == 0 ? 1024 : 2 * capacity;
            lines = realloc(lines, (size_t)capacity * sizeof *lines);
        }
        line[strcspn(line, "\n")] = '\0';
        lines[(*count)++] = strdup(line);
    }
    fclose(file);
    free(line);
    return lines;
}

static void insert(sqlite3_stmt *row, long number, const char *data) {
    sqlite3_bind_int64(row, 1, number + 1);
    sqlite3_bind_int64(row, 2, 1);
    sqlite3_bind_int64(row, 3, number);
    sqlite3_bind_int64(row, 4, number);
    sqlite3_bind_int64(row, 5, 1780000000000 + number);
    sqlite3_bind_int64(row, 6, 0);
    sqlite3_bind_int64(row, 7, 0);
    sqlite3_bind_int64(row, 8, number << 8);
    sqlite3_bind_text(row, 9, "sample.taken.v1", -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(row, 10, "plant", -1, SQLITE_TRANSIENT);
    sqlite3_bind_blob(row, 11, data, (int)strlen(data), SQLITE_TRANSIENT);
    sqlite3_bind_int64(row, 12, (long)0xCBF29CE484222325 - number);
    run(row);
}

int main(int count, char **words) {
    if (count != 4) {
        fprintf(stderr, "usage: sqlite_queue FILE LINES GROUP\n");
        return 2;
    }
    long lines_count;
    char **lines = read_lines(words[2], &lines_count);
    long group = atol(words[3]);
    open_queue(words[1]);
    sqlite3_stmt *begin = prepare("BEGIN IMMEDIATE");
    sqlite3_stmt *commit = prepare("COMMIT");
    sqlite3_stmt *row = prepare("INSERT INTO telemetry_lane VALUES(?,?,?,?,?,?,?,?,?,?,?,?)");
    sqlite3_stmt *reserve = prepare("UPDATE lanes SET reserved_to = ?, counted_to = ?, bytes = ?"
                                    " WHERE lane = ?");
    double start = seconds(), processor_start = processor_seconds();
    long bytes_start = written(), commits = 0, reserved = 0;
    for (long number = 0; number < lines_count;) {
        if (number + group > reserved) {
            reserved += 4000;
            run(begin);
            for (int lane = 0; lane < 3; lane++) {
                sqlite3_bind_int64(reserve, 1, reserved);
                sqlite3_bind_int64(reserve, 2, number);
                sqlite3_bind_int64(reserve, 3, number * 370);
                sqlite3_bind_int64(reserve, 4, lane);
                run(reserve);
            }
            run(commit);
            commits++;
        }
        run(begin);
        for (long i = 0; i < group && number < lines_count; i++, number++)
            insert(row, number, lines[number]);
        run(commit);
        commits++;
    }
    printf("{\"events\":%ld,\"seconds\":%f,\"cpu_seconds\":%f,\"bytes\":%ld,\"commits\":%ld}\n",
        lines_count, seconds() - start, processor_seconds() - processor_start,
        written() - bytes_start, commits);
    return 0;
}
