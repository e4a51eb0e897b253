import Crypto
public import Wire

/// The public half of the key that signs commands: what a device has.
public struct CommandKey: Sendable, CustomStringConvertible {
    private let key: Curve25519.Signing.PublicKey

    /// - Throws: unless the text is an Ed25519 public key as 64 hexadecimal digits in lower case,
    ///   with a line feed or none.
    public init(fileText: String) throws(KeyError) {
        let line = fileText.hasSuffix("\n") ? String(fileText.dropLast()) : fileText
        guard let bytes = [UInt8](hexadecimal: line, count: 32),
            let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)
        else {
            throw KeyError(
                "the command key: the file has \(fileText.utf8.count) bytes that are not an "
                    + "Ed25519 public key as 64 hexadecimal digits in lower case on one line")
        }
        self.key = key
    }

    fileprivate init(_ key: Curve25519.Signing.PublicKey) { self.key = key }

    /// What goes into the device's file.
    public var fileText: String { Array(key.rawRepresentation).hexadecimal + "\n" }
    public var description: String { "command key \(Array(key.rawRepresentation).hexadecimal)" }

    /// Whether the owner of the private half signed exactly this.
    public func verify(_ signed: SignedCommand) -> Bool {
        key.isValidSignature(
            signed.signature, for: Array(signed.command.signedText.utf8))
    }
}

/// The private half: what the cluster's tools have, and no device.
public struct CommandSigningKey: Secret {
    static var name: String { "the command signing key" }
    private let key: Curve25519.Signing.PrivateKey

    /// - Throws: unless the text is 64 hexadecimal digits in lower case, with a line feed or none.
    public init(fileText: String) throws(KeyError) {
        let bytes = try Self.bytes(fileText: fileText)
        do {
            key = try Curve25519.Signing.PrivateKey(rawRepresentation: bytes)
        } catch {
            throw KeyError("\(Self.name): it is no Ed25519 key: \(error)")
        }
    }

    public var publicKey: CommandKey { CommandKey(key.publicKey) }

    /// - Throws: if the system's random source fails, on which signing draws against side channels.
    public func sign(_ command: ClusterCommand) throws(KeyError) -> SignedCommand {
        do {
            let signature = try key.signature(for: Array(command.signedText.utf8))
            return SignedCommand(command, signature: Array(signature))
        } catch {
            throw KeyError("\(Self.name): it could not sign: \(error)")
        }
    }
}
