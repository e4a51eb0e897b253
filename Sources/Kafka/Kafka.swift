/// Records to Kafka over librdkafka.
