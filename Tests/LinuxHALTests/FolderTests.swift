import Glibc
import LinuxHAL
import Testing

@Suite("Folders")
struct FolderTests {
    @Test("a folder's names are those in it, and no others")
    func names() throws {
        let folder = try #require(
            mkdtemp(strdup("/tmp/busbar-folder-XXXXXX")).map {
                String(cString: $0)
            })
        defer { rmdir(folder) }
        #expect(Folder.names(in: folder).isEmpty)
        let inner = ["a", "name with a blank", String(repeating: "x", count: 255)]
        for name in inner { #expect(mkdir("\(folder)/\(name)", 0o700) == 0) }
        defer { for name in inner { rmdir("\(folder)/\(name)") } }
        #expect(Folder.names(in: folder).sorted() == inner.sorted())
    }

    @Test("the threads of this process are there, whatever their numbers")
    func threads() {
        #expect(Folder.names(in: "/proc/self/task").contains(String(getpid())))
    }

    @Test("one that is not there has none")
    func missing() { #expect(Folder.names(in: "/proc/no/such/folder").isEmpty) }
}
