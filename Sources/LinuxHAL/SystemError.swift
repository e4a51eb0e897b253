import Glibc

/// A system call that failed: which one, with what number, and what a technician can do about it.
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was attempted, as an infinitive: "lock memory".
    public var attempt: String
    /// The `errno` of the call.
    public var number: Int32
    /// What to do next: an order, without a full stop.
    public var advice: String

    public init(_ attempt: String, number: Int32, advice: String) {
        self.attempt = attempt
        self.number = number
        self.advice = advice
    }

    /// "cannot lock memory: Operation not permitted (errno 1): set LimitMEMLOCK=infinity".
    public var description: String {
        "cannot \(attempt): \(Self.text(of: number)) (errno \(number)): \(advice)"
    }

    private static func text(of number: Int32) -> String {
        // `strerror` is enough here: it is called at start-up, before there is a second thread.
        guard let text = strerror(number) else { return "unknown error" }
        return String(cString: text)
    }
}
