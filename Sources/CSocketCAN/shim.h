/* libsocketcan.h only names the structure of link statistics. */
#include <linux/if_link.h>
#include <libsocketcan.h>
