import LocalAPI

let busbarVersion = "0.1.0"

/// Why a verb did not do what it should, and the exit code that says so to scripts.
struct Failure: Error {
    enum Kind: Int32 {
        case failed = 1
        case usage = 2
        case unreachable = 3
        case refused = 4
    }

    var kind: Kind
    var message: String

    init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    init(_ error: ClientError) {
        switch error {
        case .unreachable(let text): self.init(.unreachable, text)
        case .broken(let text): self.init(.failed, text)
        case .answered(let error):
            let isUsage = error.code == RPCError.Code.invalidParameters.rawValue
            // The daemon is there, but the loop behind it is not: for a script the same.
            let isSilent = error.code == RPCError.Code.noAnswer.rawValue
            self.init(
                isSilent
                    ? .unreachable : error.isRefusal ? .refused : isUsage ? .usage : .failed,
                error.message)
        }
    }
}
