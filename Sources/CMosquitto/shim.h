#include <mosquitto.h>
#include <mqtt_protocol.h>
/* libmosquitto says of a certificate only that it is bad. OpenSSL, below it, knows why. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
