/// A connection to an MQTT 5 broker over libmosquitto.
