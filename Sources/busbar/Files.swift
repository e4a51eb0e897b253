import Glibc
import Site

/// The bytes of a whole file.
/// - Throws: with the file's name and the system's reason.
func bytes(of path: String) throws(Failure) -> [UInt8] {
    do throws(FileError) {
        return try readFile(path)
    } catch {
        throw Failure(.failed, error.description)
    }
}

/// The text of `errno`.
func systemErrorText() -> String { unsafe String(cString: strerror(errno)) }
