// The way from the guest to a relay board that is a process of the machine outside: takes each
// message of a Unix socket of type SOCK_SEQPACKET to a virtio port, and back. On the port, which is
// a stream, a byte with its length comes before each message.
//
//   carry SOCKET PORT
//
// It keeps nothing and answers nothing by itself: when the guest stands still, so does it.
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void require(int worked, const char *what) {
    if (!worked) {
        perror(what);
        exit(1);
    }
}

static int listen_on(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    require(strlen(path) < sizeof address.sun_path, "carry: the path is too long");
    strcpy(address.sun_path, path);
    int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    require(listener >= 0, "carry: socket");
    require(bind(listener, (struct sockaddr *)&address, sizeof address) == 0, "carry: bind");
    require(listen(listener, 1) == 0, "carry: listen");
    return listener;
}

// What came out of the port and is no whole message yet.
static unsigned char stream[1024];
static size_t held;

static void pass_on(int host) {
    while (held > 0 && held > stream[0]) {
        size_t length = stream[0];
        // A host that is gone gets nothing; the next message of its own is how that is seen.
        send(host, stream + 1, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        held -= length + 1;
        memmove(stream, stream + length + 1, held);
    }
}

int main(int count, char **words) {
    require(count == 3, "carry: allowed is: carry SOCKET PORT");
    int port = open(words[2], O_RDWR);
    require(port >= 0, words[2]);
    int listener = listen_on(words[1]);
    for (;;) {
        int host = accept(listener, NULL, NULL);
        require(host >= 0, "carry: accept");
        for (;;) {
            struct pollfd waits[] = {{host, POLLIN, 0}, {port, POLLIN, 0}};
            require(poll(waits, 2, -1) >= 0, "carry: poll");
            if (waits[0].revents) {
                unsigned char message[256];
                ssize_t length = recv(host, message + 1, 255, 0);
                if (length <= 0) {
                    break;
                }
                message[0] = (unsigned char)length;
                require(write(port, message, length + 1) == length + 1, "carry: write");
            }
            if (waits[1].revents) {
                ssize_t length = read(port, stream + held, sizeof stream - held);
                require(length > 0, "carry: read");
                held += length;
                pass_on(host);
            }
        }
        close(host);
    }
}
