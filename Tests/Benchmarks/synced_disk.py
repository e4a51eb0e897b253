"""What a power cut leaves: only what had reached the disk by a sync, told by a trace."""

import os
import pathlib
import re
import shutil
import signal

# `-xx` and the length: every byte that is written stands in the trace.
STRACE = [
    "strace", "-f", "-xx", "-s", "1048576", "-e",
    "trace=open,openat,close,write,writev,pwrite64,pwritev,lseek,ftruncate,fsync,fdatasync,rename,"
    "renameat,renameat2,unlink,unlinkat", "-o",
]

CALL = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+)")
BEGUN = re.compile(r"^(\d+) +(\w+\(.*) <unfinished \.\.\.>$")
RESUMED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")


def traced(pid):
    """Under strace the subject is the child, and strace must live to write its last lines."""
    if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() != "strace":
        return pid
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def kill(process):
    """`kill -9`, of the subject itself."""
    os.kill(traced(process.pid), signal.SIGKILL)
    process.wait()


def texts(words):
    """What strace writes in quotes: hexadecimal throughout."""
    return [bytes.fromhex(text.replace("\\x", "")) for text in re.findall(r'"([^"]*)"', words)]


def whole(lines):
    """Calls of one thread that another's came between, put together again."""
    begun = {}
    for line in lines:
        if match := BEGUN.match(line):
            begun[match[1]] = match[2]
        elif (match := RESUMED.match(line)) and match[1] in begun:
            yield f"{match[1]} {begun.pop(match[1])}{match[2]}"
        else:
            yield line


class SyncedDisk:
    """Files of a folder rebuilt from a trace."""

    def __init__(self, trace, directory):
        self.directory = str(directory)
        self.files, self.synced, self.open, self.offsets = {}, {}, {}, {}
        for line in whole(pathlib.Path(trace).read_text(errors="replace").splitlines()):
            match = CALL.match(line)
            if match and int(match[4]) >= 0:
                self.call(match[2], match[3], int(match[4]))

    def call(self, name, words, result):
        if name in ("openat", "open"):
            path = texts(words)[0].decode()
            # SQLite opens the folder itself, to sync it.
            if path.startswith(self.directory) and not pathlib.Path(path).is_dir():
                self.open[result], self.offsets[result] = path, 0
                self.files.setdefault(path, bytearray())
                if "O_TRUNC" in words:
                    self.files[path] = bytearray()
                if "O_APPEND" in words:
                    self.offsets[result] = len(self.files[path])
            else:
                self.open.pop(result, None)
            return
        if name.startswith(("rename", "unlink")):
            self.move(name, [text.decode() for text in texts(words)])
            return
        number = int(re.match(r"\d+", words)[0]) if words[:1].isdigit() else -1
        path = self.open.get(number)
        if path is None:
            return
        if name == "close":
            del self.open[number]
        elif name in ("write", "pwrite64"):
            data = texts(words)[0][:result]
            at = int(words.rsplit(",", 1)[1]) if name == "pwrite64" else self.offsets[number]
            self.put(path, at, data)
            if name == "write":
                self.offsets[number] = at + len(data)
        elif name == "lseek":
            self.offsets[number] = result
        elif name == "ftruncate":
            size = int(words.rsplit(",", 1)[1])
            del self.files[path][size:]
            self.files[path].extend(bytes(max(0, size - len(self.files[path]))))
        elif name in ("fsync", "fdatasync"):
            self.synced[path] = bytes(self.files[path])
        else:
            raise SystemExit(f"bench: {name} to {path}: the model of the disk does not know it")

    def put(self, path, at, data):
        file = self.files[path]
        file.extend(bytes(max(0, at + len(data) - len(file))))
        file[at : at + len(data)] = data

    def move(self, name, paths):
        """A rename or a removal counts as kept: the file systems of today keep it with the next
        sync at the latest, and it flatters nobody here."""
        for files in (self.files, self.synced):
            if paths[0] in files:
                content = files.pop(paths[0])
                if name.startswith("rename"):
                    files[paths[1]] = content

    def restore(self):
        """Puts the synced bytes where the files were."""
        shutil.rmtree(self.directory)
        pathlib.Path(self.directory).mkdir(parents=True)
        for path, content in self.synced.items():
            if path.endswith("-shm"):
                continue
            pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
            pathlib.Path(path).write_bytes(content)
