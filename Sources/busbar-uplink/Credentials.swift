import Glibc
import LinuxHAL
import MQTT
import Transit
import Uplink

/// The files that prove who this device is, and whom it believes.
struct Credentials {
    let tls: TLSFiles?
    let keys: UplinkKeys

    static let authority = "ca.crt"
    static let certificate = "client.crt"
    static let key = "client.key"
    static let acknowledgement = "ack.key"
    static let command = "command.pub"

    /// Reads what the guarantee needs.
    ///
    /// - Throws: what is wrong with which file, and what to do.
    init(
        directory: String, isTLS: Bool, needsAcknowledgements: Bool
    ) throws(CredentialsError) {
        func path(_ name: String) -> String { "\(directory)/\(name)" }
        if isTLS {
            try Self.demand(path(Self.authority))
            try Self.demand(path(Self.certificate))
            try Self.demandSecret(path(Self.key))
            tls = TLSFiles(credentials: directory)
        } else {
            tls = nil
        }
        var acknowledgement: AcknowledgementKey?
        if needsAcknowledgements {
            try Self.demandSecret(path(Self.acknowledgement))
            let text = try Self.text(path(Self.acknowledgement))
            do throws(KeyError) {
                acknowledgement = try AcknowledgementKey(fileText: text)
            } catch {
                throw CredentialsError("\(path(Self.acknowledgement)): \(error)")
            }
        }
        var command: CommandKey?
        if access(path(Self.command), F_OK) == 0 {
            let text = try Self.text(path(Self.command))
            do throws(KeyError) { command = try CommandKey(fileText: text) } catch {
                throw CredentialsError("\(path(Self.command)): \(error)")
            }
        }
        keys = UplinkKeys(acknowledgement: acknowledgement, command: command)
    }

    private static func demand(_ path: String) throws(CredentialsError) {
        guard access(path, R_OK) == 0 else {
            throw CredentialsError(
                "\(path): \(String(cString: strerror(errno))): put it there, readable for the user "
                    + "of busbar-uplink")
        }
    }

    /// A key that others can read is no key.
    private static func demandSecret(_ path: String) throws(CredentialsError) {
        try demand(path)
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw CredentialsError("\(path): \(String(cString: strerror(errno)))")
        }
        guard status.st_mode & 0o077 == 0 else {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw CredentialsError(
                "\(path): others may read or change this key (mode \(mode)): chmod 600 \(path)")
        }
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            throw CredentialsError(
                "\(path): it belongs to user \(status.st_uid), who can change it: chown it to root "
                    + "or to the user of busbar-uplink")
        }
    }

    private static func text(_ path: String) throws(CredentialsError) -> String {
        guard let bytes = SmallFile.read(path, limit: 4_096) else {
            throw CredentialsError("\(path): it cannot be read, or has more than 4096 bytes")
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

struct CredentialsError: Error {
    var text: String
    init(_ text: String) { self.text = text }
}

extension TLSFiles {
    /// Where they are, whether they are there or not.
    init(credentials directory: String) {
        self.init(
            authority: "\(directory)/\(Credentials.authority)",
            certificate: "\(directory)/\(Credentials.certificate)",
            key: "\(directory)/\(Credentials.key)")
    }
}

extension FileFingerprint {
    /// Of all files that an uplink's credentials may be in.
    init(credentials directory: String) {
        let names = [
            Credentials.authority, Credentials.certificate, Credentials.key,
            Credentials.acknowledgement, Credentials.command,
        ]
        self.init(paths: names.map { "\(directory)/\($0)" })
    }
}
