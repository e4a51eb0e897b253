import Foundation
import LinuxHAL
import Testing

@Suite("Fingerprints of files")
struct FileFingerprintTests {
    @Test(
        "a change is seen whether the file is replaced, written anew, or gone; else there is none")
    func changes() throws {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("fingerprint-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appendingPathComponent("client.crt")
        let paths = [directory.appendingPathComponent("ca.crt").path, file.path]
        let nothing = FileFingerprint(paths: paths)
        try Data("one".utf8).write(to: file)
        let first = FileFingerprint(paths: paths)
        #expect(first != nothing)
        #expect(FileFingerprint(paths: paths) == first)
        // Longer, in the same file: two changes may fall into one tick of the file system's clock.
        try Data("longer".utf8).write(to: file)
        let written = FileFingerprint(paths: paths)
        #expect(written != first)
        let other = directory.appendingPathComponent("other")
        try Data("longer".utf8).write(to: other)
        try FileManager.default.removeItem(at: file)
        #expect(FileFingerprint(paths: paths) == nothing)
        try FileManager.default.moveItem(at: other, to: file)
        #expect(FileFingerprint(paths: paths) != written)
    }
}
