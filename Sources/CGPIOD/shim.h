#ifndef BUSBAR_CGPIOD_H
#define BUSBAR_CGPIOD_H

/* libgpiod 1.6 (Debian 12) and 2.x (Raspberry Pi OS 13) are two different interfaces behind one
 * name. Only 1.x defines GPIOD_LINE_BULK_MAX_LINES, so the header itself says which one is there,
 * and no configure step has to. Both halves give the same functions: one line each, asked for by
 * its name, or by its offset on a chip. */

#include <errno.h>
#include <gpiod.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct busbar_gpio_line {
    struct gpiod_chip *chip;
#ifdef GPIOD_LINE_BULK_MAX_LINES
    struct gpiod_line *line;
#else
    struct gpiod_line_request *request;
    unsigned int offset;
#endif
};

/* The interface that this program was built against: 1 or 2. */
static inline int busbar_gpio_interface(void) {
#ifdef GPIOD_LINE_BULK_MAX_LINES
    return 1;
#else
    return 2;
#endif
}

static inline void busbar_gpio_close(struct busbar_gpio_line *line);

/* Takes a line for this process alone. An output is driven low by the very call that makes it one.
 *
 * `chip` is a name in /dev, or NULL to look for `name` on every chip; `name` is the line's name in
 * the device tree, or NULL where `offset` counts. NULL with `*error`, an errno: ENOENT, there is no
 * such line; EBUSY, another process has it. */
static inline struct busbar_gpio_line *busbar_gpio_open(const char *chip, const char *name,
                                                        unsigned int offset, int is_output,
                                                        const char *consumer, int *error);

/* Looks at a line without taking it: 0 if it is there and free; EBUSY, and who has it in
 * `consumer`, which has room for 32 bytes; ENOENT, or EINVAL for an offset that the chip does not
 * have; another errno if it cannot be looked at. */
static inline int busbar_gpio_look(const char *chip, const char *name, unsigned int offset,
                                   char *consumer);

static inline int busbar_gpio_note_consumer(char *consumer, const char *known) {
    snprintf(consumer, 32, "%s", known != NULL ? known : "");
    return EBUSY;
}

#ifdef GPIOD_LINE_BULK_MAX_LINES

static inline void busbar_gpio_find(struct busbar_gpio_line *opened, const char *chip,
                                    const char *name, unsigned int offset) {
    errno = 0;
    if (chip == NULL) {
        opened->line = gpiod_line_find(name);
        if (opened->line != NULL) opened->chip = gpiod_line_get_chip(opened->line);
    } else {
        opened->chip = gpiod_chip_open_by_name(chip);
        if (opened->chip != NULL)
            opened->line = name != NULL ? gpiod_chip_find_line(opened->chip, name)
                                        : gpiod_chip_get_line(opened->chip, offset);
    }
}

static inline struct busbar_gpio_line *busbar_gpio_open(const char *chip, const char *name,
                                                        unsigned int offset, int is_output,
                                                        const char *consumer, int *error) {
    struct busbar_gpio_line *opened = (struct busbar_gpio_line *)calloc(1, sizeof *opened);
    if (opened == NULL) {
        *error = ENOMEM;
        return NULL;
    }
    busbar_gpio_find(opened, chip, name, offset);
    int result = -1;
    if (opened->line != NULL)
        result = is_output ? gpiod_line_request_output(opened->line, consumer, 0)
                           : gpiod_line_request_input(opened->line, consumer);
    if (result == 0) return opened;
    *error = errno != 0 ? errno : ENOENT;
    busbar_gpio_close(opened);
    return NULL;
}

static inline int busbar_gpio_look(const char *chip, const char *name, unsigned int offset,
                                   char *consumer) {
    struct busbar_gpio_line found = {0};
    busbar_gpio_find(&found, chip, name, offset);
    int result = 0;
    if (found.line == NULL)
        result = errno != 0 ? errno : ENOENT;
    else if (gpiod_line_is_used(found.line))
        result = busbar_gpio_note_consumer(consumer, gpiod_line_consumer(found.line));
    if (found.chip != NULL) gpiod_chip_close(found.chip);
    return result;
}

/* The level, 0 or 1, or a negative errno. */
static inline int busbar_gpio_get(struct busbar_gpio_line *line) {
    int level = gpiod_line_get_value(line->line);
    return level >= 0 ? level : -errno;
}

static inline int busbar_gpio_set(struct busbar_gpio_line *line, int level) {
    return gpiod_line_set_value(line->line, level) == 0 ? 0 : -errno;
}

static inline void busbar_gpio_close(struct busbar_gpio_line *line) {
    /* Closing the chip releases its lines. */
    if (line->chip != NULL) gpiod_chip_close(line->chip);
    free(line);
}

#else

/* 64 chips: chosen; a Pi has four, and each I/O expander adds one. */
enum { busbar_gpio_chips_maximum = 64 };

static inline int busbar_gpio_find(struct busbar_gpio_line *opened, const char *chip,
                                   const char *name, unsigned int offset) {
    char path[64];
    /* A chip that may not be opened may be the one that has the line: that is the reason then. */
    int refusal = ENOENT;
    for (int number = 0; number < busbar_gpio_chips_maximum; number++) {
        if (chip != NULL)
            snprintf(path, sizeof path, "/dev/%s", chip);
        else
            snprintf(path, sizeof path, "/dev/gpiochip%d", number);
        opened->chip = gpiod_chip_open(path);
        if (opened->chip == NULL && chip != NULL) return -1;
        if (opened->chip == NULL && errno != ENOENT) refusal = errno;
        if (opened->chip != NULL) {
            int found = name != NULL ? gpiod_chip_get_line_offset_from_name(opened->chip, name)
                                     : (int)offset;
            if (found >= 0) {
                opened->offset = (unsigned int)found;
                return 0;
            }
            gpiod_chip_close(opened->chip);
            opened->chip = NULL;
        }
        if (chip != NULL) break;
    }
    errno = refusal;
    return -1;
}

static inline struct gpiod_line_request *busbar_gpio_request(struct gpiod_chip *chip,
                                                             unsigned int offset, int is_output,
                                                             const char *consumer) {
    struct gpiod_line_settings *settings = gpiod_line_settings_new();
    struct gpiod_line_config *lines = gpiod_line_config_new();
    struct gpiod_request_config *request = gpiod_request_config_new();
    struct gpiod_line_request *granted = NULL;
    if (settings != NULL && lines != NULL && request != NULL) {
        gpiod_line_settings_set_direction(
            settings, is_output ? GPIOD_LINE_DIRECTION_OUTPUT : GPIOD_LINE_DIRECTION_INPUT);
        if (is_output) gpiod_line_settings_set_output_value(settings, GPIOD_LINE_VALUE_INACTIVE);
        gpiod_request_config_set_consumer(request, consumer);
        if (gpiod_line_config_add_line_settings(lines, &offset, 1, settings) == 0)
            granted = gpiod_chip_request_lines(chip, request, lines);
    }
    int failure = errno;
    gpiod_request_config_free(request);
    gpiod_line_config_free(lines);
    gpiod_line_settings_free(settings);
    errno = failure;
    return granted;
}

static inline struct busbar_gpio_line *busbar_gpio_open(const char *chip, const char *name,
                                                        unsigned int offset, int is_output,
                                                        const char *consumer, int *error) {
    struct busbar_gpio_line *opened = (struct busbar_gpio_line *)calloc(1, sizeof *opened);
    if (opened == NULL) {
        *error = ENOMEM;
        return NULL;
    }
    errno = 0;
    if (busbar_gpio_find(opened, chip, name, offset) == 0)
        opened->request = busbar_gpio_request(opened->chip, opened->offset, is_output, consumer);
    if (opened->request != NULL) return opened;
    *error = errno != 0 ? errno : ENOENT;
    busbar_gpio_close(opened);
    return NULL;
}

static inline int busbar_gpio_look(const char *chip, const char *name, unsigned int offset,
                                   char *consumer) {
    struct busbar_gpio_line found = {0};
    errno = 0;
    struct gpiod_line_info *info = NULL;
    if (busbar_gpio_find(&found, chip, name, offset) == 0)
        info = gpiod_chip_get_line_info(found.chip, found.offset);
    int result = 0;
    if (info == NULL)
        result = errno != 0 ? errno : ENOENT;
    else if (gpiod_line_info_is_used(info))
        result = busbar_gpio_note_consumer(consumer, gpiod_line_info_get_consumer(info));
    gpiod_line_info_free(info);
    if (found.chip != NULL) gpiod_chip_close(found.chip);
    return result;
}

/* The level, 0 or 1, or a negative errno. */
static inline int busbar_gpio_get(struct busbar_gpio_line *line) {
    enum gpiod_line_value level = gpiod_line_request_get_value(line->request, line->offset);
    if (level == GPIOD_LINE_VALUE_ERROR) return -errno;
    return level == GPIOD_LINE_VALUE_ACTIVE ? 1 : 0;
}

static inline int busbar_gpio_set(struct busbar_gpio_line *line, int level) {
    enum gpiod_line_value value = level ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE;
    return gpiod_line_request_set_value(line->request, line->offset, value) == 0 ? 0 : -errno;
}

static inline void busbar_gpio_close(struct busbar_gpio_line *line) {
    if (line->request != NULL) gpiod_line_request_release(line->request);
    if (line->chip != NULL) gpiod_chip_close(line->chip);
    free(line);
}

#endif

#endif
