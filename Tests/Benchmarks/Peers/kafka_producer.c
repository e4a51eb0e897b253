/* librdkafka's own speed: records that are ready in memory, to the same topic with the settings
 * that the bridge has (acks=all, idempotent), until the last delivery report is in.
 *
 *   kafka_producer BROKERS RECORDS      RECORDS is what `chain-bench records` prints
 *   kafka_producer --bare ...           without the headers: key and value only
 *   kafka_producer --fed HOST:PORT N ...
 *                                       N records for each MQTT message that comes: the same
 *                                       messages from the same broker that a bridge gets, which
 *                                       are not read here, but cost what they cost
 */
#include <librdkafka/rdkafka.h>
#include <mosquitto.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static long delivered, failed;

static void report(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque) {
    (void)producer;
    (void)opaque;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) delivered++;
    else failed++;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char error[512];
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error) == RD_KAFKA_CONF_OK) return;
    fprintf(stderr, "kafka_producer: %s\n", error);
    exit(1);
}

static rd_kafka_t *producer(const char *brokers) {
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", brokers);
    set(conf, "acks", "all");
    set(conf, "enable.idempotence", "true");
    set(conf, "enable.gapless.guarantee", "true");
    set(conf, "partitioner", "murmur2_random");
    set(conf, "queue.buffering.max.messages", "20000");
    set(conf, "queue.buffering.max.kbytes", "65536");
    set(conf, "linger.ms", "20");
    set(conf, "batch.size", "524288");
    rd_kafka_conf_set_dr_msg_cb(conf, report);
    rd_kafka_t *made = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (made == NULL) {
        fprintf(stderr, "kafka_producer: %s\n", error);
        exit(1);
    }
    return made;
}

static char *read_all(const char *path, long *size) {
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    fseek(file, 0, SEEK_END);
    *size = ftell(file);
    rewind(file);
    char *bytes = malloc((size_t)*size);
    if (fread(bytes, 1, (size_t)*size, file) != (size_t)*size) {
        perror(path);
        exit(1);
    }
    fclose(file);
    return bytes;
}

struct text {
    const char *bytes;
    uint32_t size;
};

static uint32_t take_number(const char **place) {
    uint32_t number;
    memcpy(&number, *place, sizeof number);
    *place += sizeof number;
    return number;
}

static struct text take(const char **place) {
    struct text text = {.size = take_number(place)};
    text.bytes = *place;
    *place += text.size;
    return text;
}

static void produce(rd_kafka_t *to, const char **place, int bare) {
    struct text key = take(place), value = take(place);
    uint32_t count = take_number(place);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(count);
    for (uint32_t i = 0; i < count; i++) {
        struct text name = take(place), content = take(place);
        if (!bare)
            rd_kafka_header_add(headers, name.bytes, name.size, content.bytes, content.size);
    }
    for (;;) {
        rd_kafka_resp_err_t code = rd_kafka_producev(to, RD_KAFKA_V_TOPIC("busbar.telemetry.v1"),
            RD_KAFKA_V_KEY(key.bytes, key.size), RD_KAFKA_V_VALUE((void *)value.bytes, value.size),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(headers),
            RD_KAFKA_V_END);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            fprintf(stderr, "kafka_producer: %s\n", rd_kafka_err2str(code));
            exit(1);
        }
        rd_kafka_poll(to, 10);
    }
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double start;
static long records;

static void finish(rd_kafka_t *to) {
    while (delivered + failed < records) rd_kafka_poll(to, 100);
    double span = seconds() - start;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"events\":%ld,\"seconds\":%f,\"end\":%f,\"failed\":%ld,\"cpu_seconds\":%f}\n",
        records, span, start + span, failed,
        (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6
            + (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6);
    rd_kafka_destroy(to);
}

/* What --fed gives on for each message. */
struct feed {
    rd_kafka_t *to;
    const char *place, *end;
    long portion;
};

static void take_message(
    struct mosquitto *client, void *box, const struct mosquitto_message *message) {
    (void)client;
    (void)message;
    struct feed *feed = box;
    if (records == 0) start = seconds();
    for (long i = 0; i < feed->portion && feed->place < feed->end; i++, records++)
        produce(feed->to, &feed->place, 0);
    rd_kafka_poll(feed->to, 0);
}

static void check(int code, const char *what) {
    if (code == MOSQ_ERR_SUCCESS) return;
    fprintf(stderr, "kafka_producer: %s: %s\n", what, mosquitto_strerror(code));
    exit(1);
}

static void ready(struct mosquitto *client, void *box, int id, int count, const int *granted) {
    (void)client;
    (void)box;
    (void)id;
    (void)count;
    (void)granted;
    printf("ready\n");
    fflush(stdout);
}

static void run_fed(char *address, struct feed *feed) {
    char *colon = strrchr(address, ':');
    if (colon == NULL) {
        fprintf(stderr, "kafka_producer: found %s; expected is host:port\n", address);
        exit(2);
    }
    *colon = 0;
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new("busbar-bridge-peer", 1, feed);
    mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_message_callback_set(client, take_message);
    mosquitto_subscribe_callback_set(client, ready);
    check(mosquitto_connect(client, address, atoi(colon + 1), 30), "connect");
    check(mosquitto_subscribe(client, NULL, "busbar/v1/up/#", 1), "subscribe");
    while (feed->place < feed->end) {
        check(mosquitto_loop(client, 10, 64), "loop");
        rd_kafka_poll(feed->to, 0);
    }
    finish(feed->to);
    mosquitto_disconnect(client);
    mosquitto_destroy(client);
}

int main(int count, char **words) {
    int bare = count == 4 && strcmp(words[1], "--bare") == 0;
    int fed = count == 6 && strcmp(words[1], "--fed") == 0;
    int skipped = bare + 3 * fed;
    if (count != 3 + skipped) {
        fprintf(stderr,
            "usage: kafka_producer [--bare | --fed HOST:PORT RECORDS-A-MESSAGE] BROKERS RECORDS\n");
        return 2;
    }
    long size;
    char *bytes = read_all(words[2 + skipped], &size);
    rd_kafka_t *to = producer(words[1 + skipped]);
    /* The connections and the producer's number are not what is measured. */
    const struct rd_kafka_metadata *metadata;
    rd_kafka_metadata(to, 1, NULL, &metadata, 10000);
    rd_kafka_metadata_destroy(metadata);
    if (fed) {
        struct feed feed = {
            .to = to, .place = bytes, .end = bytes + size, .portion = atol(words[3])};
        run_fed(words[2], &feed);
        return failed != 0;
    }
    start = seconds();
    for (const char *place = bytes; place < bytes + size; records++) {
        produce(to, &place, bare);
        rd_kafka_poll(to, 0);
    }
    finish(to);
    return failed != 0;
}
