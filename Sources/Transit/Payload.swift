public import Wire
import CDeflate
import CZlib

/// A batch as the payload of an MQTT message: plain, or in zlib's format where that is smaller. A
/// reader tells by the first byte, '{' or 0x78.
///
/// By libdeflate, which has all of a payload at hand and takes a third of the time that zlib takes
/// for it. It does not say why it refuses something; zlib then looks at the same bytes and does.
public enum Payload {
    /// Level 1: on our events it takes off four fifths, as the higher ones nearly do, for a third
    /// of their time (chosen; a Pi's processor is the scarcer thing).
    private static let level: Int32 = 1

    public static func pack(_ bytes: [UInt8]) -> [UInt8] {
        // What comes to as much as it was goes as it is, as it does where memory is short.
        guard bytes.count > 1, let compressor = libdeflate_alloc_compressor(level) else {
            return bytes
        }
        defer { libdeflate_free_compressor(compressor) }
        let packed = [UInt8](unsafeUninitializedCapacity: bytes.count - 1) { output, count in
            count = libdeflate_zlib_compress(
                compressor, bytes, bytes.count, output.baseAddress!, output.count)
        }
        return packed.isEmpty ? bytes : packed
    }

    /// - Parameter sizeMax: of what comes out, in bytes. A kilobyte can ask for a megabyte.
    /// - Throws: what is wrong with the bytes. Nothing is returned in part.
    public static func unpack(
        _ bytes: [UInt8], sizeMax: Int = BatchLimits.size
    ) throws(PayloadError) -> [UInt8] {
        guard let first = bytes.first else { throw .empty }
        switch first {
        case UInt8(ascii: "{"):
            guard bytes.count <= sizeMax else { throw .tooLarge(sizeMax: sizeMax) }
            return bytes
        case 0x78:
            if let output = inflatedAtOnce(bytes, sizeMax) { return output }
            return try inflated(bytes, sizeMax: sizeMax)
        default: throw .unknownForm(firstByte: first)
        }
    }

    /// Eight times is what events come to at most; a few need more room, and get it from zlib.
    private static func roomFirst(_ bytes: [UInt8], _ sizeMax: Int) -> Int {
        min(max(8 * bytes.count, 1_024), sizeMax)
    }

    /// Nil where the whole is not one stream that fits: zlib tells what it is.
    private static func inflatedAtOnce(_ bytes: [UInt8], _ sizeMax: Int) -> [UInt8]? {
        guard let decompressor = libdeflate_alloc_decompressor() else { return nil }
        defer { libdeflate_free_decompressor(decompressor) }
        var status = LIBDEFLATE_BAD_DATA
        var taken = 0
        let room = roomFirst(bytes, sizeMax)
        let output = [UInt8](unsafeUninitializedCapacity: room) { output, made in
            status = libdeflate_zlib_decompress_ex(
                decompressor, bytes, bytes.count, output.baseAddress, output.count, &taken, &made)
            if status != LIBDEFLATE_SUCCESS { made = 0 }
        }
        return status == LIBDEFLATE_SUCCESS && taken == bytes.count ? output : nil
    }

    private static func inflated(
        _ bytes: [UInt8], sizeMax: Int
    ) throws(PayloadError) -> [UInt8] {
        var stream = z_stream()
        let opened = inflateInit_(
            &stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard opened == Z_OK else { throw .noMemory }
        defer { inflateEnd(&stream) }
        // More room is made as it is needed, up to one byte more than is allowed, which tells that
        // it is too much.
        var output = [UInt8](repeating: 0, count: roomFirst(bytes, sizeMax) + 1)
        var input = bytes
        var status = Z_OK
        while status != Z_STREAM_END {
            if Int(stream.total_out) == output.count {
                guard output.count <= sizeMax else { throw .tooLarge(sizeMax: sizeMax) }
                let more = min(output.count, sizeMax + 1 - output.count)
                output.append(contentsOf: repeatElement(0, count: more))
            }
            status = step(&stream, &input, &output)
            switch status {
            case Z_OK, Z_STREAM_END: break
            // All input is taken and more is wanted: the loop above made room for output.
            case Z_BUF_ERROR: throw .truncated(count: bytes.count)
            case Z_NEED_DICT: throw .damaged(reason: "it wants a dictionary")
            case Z_MEM_ERROR: throw .noMemory
            default:
                throw .damaged(reason: stream.msg.map { String(cString: $0) } ?? "no reason given")
            }
        }
        let rest = bytes.count - Int(stream.total_in)
        guard rest == 0 else { throw .trailing(count: rest) }
        guard Int(stream.total_out) <= sizeMax else { throw .tooLarge(sizeMax: sizeMax) }
        output.removeLast(output.count - Int(stream.total_out))
        return output
    }

    /// Takes what it can from `input` and puts what it can into `output`, each from where it is.
    private static func step(
        _ stream: inout z_stream, _ input: inout [UInt8], _ output: inout [UInt8]
    ) -> Int32 {
        input.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target in
                let taken = Int(stream.total_in)
                let made = Int(stream.total_out)
                stream.next_in = source.baseAddress! + taken
                stream.avail_in = uInt(source.count - taken)
                stream.next_out = target.baseAddress! + made
                stream.avail_out = uInt(target.count - made)
                return inflate(&stream, Z_NO_FLUSH)
            }
        }
    }
}

/// Why a payload is no batch.
public enum PayloadError: Error, Hashable, Sendable, CustomStringConvertible {
    case empty
    case unknownForm(firstByte: UInt8)
    case tooLarge(sizeMax: Int)
    case truncated(count: Int)
    case trailing(count: Int)
    case damaged(reason: String)
    case noMemory

    public var description: String {
        switch self {
        case .empty: "payload: it is empty"
        case .unknownForm(let byte):
            "payload: it begins with byte 0x\([byte].hexadecimal); a batch begins with '{' "
                + "or with zlib's 0x78"
        case .tooLarge(let sizeMax):
            "payload: it unpacks to more than the \(sizeMax) bytes that are read"
        case .truncated(let count):
            "payload: its compressed stream does not end within its \(count) bytes; "
                + "it was cut short"
        case .trailing(let count):
            "payload: \(count) bytes follow the end of its compressed stream"
        case .damaged(let reason): "payload: its compressed stream is damaged: \(reason)"
        case .noMemory: "payload: there is no memory to unpack it"
        }
    }
}
