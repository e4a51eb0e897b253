#define _GNU_SOURCE
#include "busbar_can.h"

#include <errno.h>
#include <linux/can.h>
#include <linux/can/error.h>
#include <linux/can/raw.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// The site names eight messages at most; the kernel would take 512.
enum { filters_maximum = 64 };

static int set_filters(int descriptor, const uint32_t *identifiers, int count) {
    struct can_filter filters[filters_maximum];
    if (count < 0 || count > filters_maximum) return -EINVAL;
    for (int i = 0; i < count; i++) {
        uint32_t bits = identifiers[i] & CAN_EFF_FLAG ? CAN_EFF_MASK : CAN_SFF_MASK;
        filters[i].can_id = identifiers[i] & (CAN_EFF_FLAG | bits);
        // Remote frames carry no value, so they differ from what is wanted.
        filters[i].can_mask = CAN_EFF_FLAG | CAN_RTR_FLAG | bits;
    }
    socklen_t length = (socklen_t)((size_t)count * sizeof filters[0]);
    return setsockopt(descriptor, SOL_CAN_RAW, CAN_RAW_FILTER, filters, length);
}

static int set_up(int descriptor, const char *interface, const uint32_t *identifiers, int count) {
    const int yes = 1;
    const can_err_mask_t every = CAN_ERR_MASK;
    struct sockaddr_can address = {.can_family = AF_CAN};
    address.can_ifindex = (int)if_nametoindex(interface);
    if (address.can_ifindex == 0) return -1;
    if (set_filters(descriptor, identifiers, count) != 0) return -1;
    if (setsockopt(descriptor, SOL_CAN_RAW, CAN_RAW_ERR_FILTER, &every, sizeof every) != 0)
        return -1;
    // An interface for classic frames only refuses none of this.
    if (setsockopt(descriptor, SOL_CAN_RAW, CAN_RAW_FD_FRAMES, &yes, sizeof yes) != 0) return -1;
    if (setsockopt(descriptor, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes) != 0) return -1;
    if (setsockopt(descriptor, SOL_SOCKET, SO_RXQ_OVFL, &yes, sizeof yes) != 0) return -1;
    return bind(descriptor, (struct sockaddr *)&address, sizeof address);
}

int busbar_can_open(const char *interface, const uint32_t *identifiers, int count) {
    int descriptor = socket(PF_CAN, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, CAN_RAW);
    if (descriptor < 0) return -errno;
    if (set_up(descriptor, interface, identifiers, count) == 0) return descriptor;
    int error = errno;
    close(descriptor);
    return -error;
}

// A union, so that the kernel's structures in it are aligned.
union ancillary {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(struct timespec)) + CMSG_SPACE(sizeof(uint32_t))];
};

static void read_ancillary(struct msghdr *message, struct busbar_can_frame *frame,
                           uint32_t *dropped) {
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL;
         part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET) continue;
        if (part->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
            frame->wall = (int64_t)stamp.tv_sec * 1000000000 + stamp.tv_nsec;
        } else if (part->cmsg_type == SO_RXQ_OVFL) {
            memcpy(dropped, CMSG_DATA(part), sizeof *dropped);
        }
    }
}

int busbar_can_receive(int descriptor, struct busbar_can_frame *frames, int maximum,
                       uint32_t *dropped) {
    struct canfd_frame raw[busbar_can_batch];
    union ancillary beside[busbar_can_batch];
    struct iovec places[busbar_can_batch];
    struct mmsghdr messages[busbar_can_batch];
    if (maximum < 0 || maximum > busbar_can_batch) return -EINVAL;
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < maximum; i++) {
        places[i] = (struct iovec){.iov_base = &raw[i], .iov_len = sizeof raw[i]};
        messages[i].msg_hdr.msg_iov = &places[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_control = &beside[i];
        messages[i].msg_hdr.msg_controllen = sizeof beside[i];
    }
    int count;
    do {
        count = recvmmsg(descriptor, messages, (unsigned int)maximum, MSG_DONTWAIT, NULL);
    } while (count < 0 && errno == EINTR);
    if (count < 0) return errno == EAGAIN ? 0 : -errno;

    memset(frames, 0, (size_t)count * sizeof frames[0]);
    for (int i = 0; i < count; i++) {
        frames[i].identifier = raw[i].can_id;
        frames[i].length = raw[i].len;
        size_t kept = raw[i].len < sizeof frames[i].payload ? raw[i].len : sizeof frames[i].payload;
        memcpy(frames[i].payload, raw[i].data, kept);
        read_ancillary(&messages[i].msg_hdr, &frames[i], dropped);
    }
    return count;
}

int busbar_can_query_socket(void) {
    int descriptor = socket(PF_CAN, SOCK_RAW | SOCK_CLOEXEC, CAN_RAW);
    if (descriptor < 0) return -errno;
    // It is never read, so nothing may gather in it.
    setsockopt(descriptor, SOL_CAN_RAW, CAN_RAW_FILTER, NULL, 0);
    return descriptor;
}

int busbar_can_is_up(int descriptor, const char *interface) {
    struct ifreq request = {0};
    strncpy(request.ifr_name, interface, sizeof request.ifr_name - 1);
    if (ioctl(descriptor, SIOCGIFFLAGS, &request) != 0) return -errno;
    return request.ifr_flags & IFF_UP ? 1 : 0;
}

unsigned int busbar_can_index(const char *interface) { return if_nametoindex(interface); }
