public import Wire

/// The public half of the key that signs commands: what a device has.
public struct CommandKey: Sendable, CustomStringConvertible {
    private let bytes: [UInt8]

    /// - Throws: unless the text is an Ed25519 public key as 64 hexadecimal digits in lower case,
    ///   with a line feed or none.
    public init(fileText: String) throws(KeyError) {
        let line = fileText.hasSuffix("\n") ? String(fileText.dropLast()) : fileText
        guard let bytes = [UInt8](hexadecimal: line, count: Ed25519.keySize) else {
            throw KeyError(
                "the command key: the file has \(fileText.utf8.count) bytes that are not an "
                    + "Ed25519 public key as 64 hexadecimal digits in lower case on one line")
        }
        // With some keys anybody can sign. All zeros is one that a careless script leaves behind.
        guard bytes.contains(where: { $0 != 0 }) else {
            throw KeyError("the command key: all its bytes are zero; write the public key there")
        }
        self.bytes = bytes
    }

    fileprivate init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// What goes into the device's file.
    public var fileText: String { bytes.hexadecimal + "\n" }
    public var description: String { "command key \(bytes.hexadecimal)" }

    /// Whether the owner of the private half signed exactly this.
    public func verify(_ signed: SignedCommand) -> Bool {
        Ed25519.isValid(
            signed.signature, of: Array(signed.command.signedText.utf8), publicKey: bytes)
    }
}

/// The private half: what the cluster's tools have, and no device.
public struct CommandSigningKey: Secret {
    static var name: String { "the command signing key" }
    private let bytes: [UInt8]
    public let publicKey: CommandKey

    /// - Throws: unless the text is 64 hexadecimal digits in lower case, with a line feed or none.
    public init(fileText: String) throws(KeyError) {
        bytes = try Self.bytes(fileText: fileText)
        guard let publicBytes = Ed25519.publicKey(ofPrivateKey: bytes) else {
            throw KeyError("\(Self.name): libcrypto makes no Ed25519 key of it: is memory short?")
        }
        publicKey = CommandKey(publicBytes)
    }

    /// - Throws: if memory is short.
    public func sign(_ command: ClusterCommand) throws(KeyError) -> SignedCommand {
        let text = Array(command.signedText.utf8)
        guard let signature = Ed25519.signature(of: text, privateKey: bytes) else {
            throw KeyError("\(Self.name): libcrypto did not sign: is memory short?")
        }
        return SignedCommand(command, signature: signature)
    }
}
