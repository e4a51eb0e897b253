public import Wire

/// What all bridges of a cluster share, and no device has: the keys of all devices follow from it.
public struct BridgeSecret: Secret {
    static var name: String { "the bridge's secret" }
    fileprivate let bytes: [UInt8]

    /// - Throws: unless the text is 64 hexadecimal digits in lower case, with a line feed or none.
    public init(fileText: String) throws(KeyError) {
        bytes = try Self.bytes(fileText: fileText)
    }
}

/// The key of one device's acknowledgements: the device has it in a file, the bridge derives it. So
/// who takes a device apart can forge acknowledgements for that device alone.
public struct AcknowledgementKey: Secret {
    static var name: String { "the acknowledgement key" }
    private let bytes: [UInt8]

    /// - Throws: unless the text is 64 hexadecimal digits in lower case, with a line feed or none.
    public init(fileText: String) throws(KeyError) {
        bytes = try Self.bytes(fileText: fileText)
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// HKDF-SHA256 with the salt "busbar ack v1" and the device's name as info, 32 bytes.
    public static func derived(
        fromBridgeSecret secret: BridgeSecret, device: String
    ) -> AcknowledgementKey {
        AcknowledgementKey(
            bytes: SHA256.derivedKey(
                from: secret.bytes, salt: Array("busbar ack v1".utf8), info: Array(device.utf8),
                count: 32))
    }

    /// What goes into the device's file. The one place where the key is shown.
    public var fileText: String { bytes.hexadecimal + "\n" }

    /// HMAC-SHA256 over the acknowledgement's `sealedText`: 32 bytes.
    public func mac(of acknowledgement: Acknowledgement) -> [UInt8] {
        SHA256.mac(of: Array(acknowledgement.sealedText.utf8), key: bytes)
    }

    public func seal(_ acknowledgement: Acknowledgement) -> SealedAcknowledgement {
        SealedAcknowledgement(acknowledgement, mac: mac(of: acknowledgement))
    }

    /// Whether this key made the seal. Takes as long for a seal that is wrong in its first byte as
    /// for one that is wrong in its last.
    public func verify(_ sealed: SealedAcknowledgement) -> Bool {
        SHA256.areEqual(sealed.mac, mac(of: sealed.acknowledgement))
    }
}
