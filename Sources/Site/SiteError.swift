public import Events
import JSON

/// One thing that is wrong with a site: where it stands, what was found, what is allowed.
public struct SiteDefect: Hashable, Sendable, CustomStringConvertible {
    public let file: String
    /// A JSON path such as `$.heating.parameters.tsaMs`, or `line 3, column 5` where the file is
    /// not even JSON.
    public let place: String
    public let reason: String

    public var description: String { "\(file): \(place): \(reason)" }
}

/// Why a site was refused. It is refused whole: no part of it takes effect, and the plan that was
/// running before stays as it was.
public struct SiteError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What a refused site is raised as: E901.
    public static let code = AlarmCode.configurationRejected
    /// All that a file of ours can have wrong, and a bound for one that is nothing but wrong. The
    /// daemon says the first of them, `busbar site check` each. Chosen.
    public static let defectsMax = 1_000

    /// At least one, in the order in which they were found; at most `defectsMax`.
    public let defects: [SiteDefect]

    init(_ defects: [SiteDefect]) {
        precondition(!defects.isEmpty, "a site is refused for a reason")
        self.defects = defects
    }

    init(file: String, place: String, reason: String) {
        self.init([SiteDefect(file: file, place: place, reason: reason)])
    }

    /// One line for each defect: the code, the file, the place and the reason.
    public var lines: [String] { defects.map { "E\(Self.code.number) \($0)" } }

    /// The first defect on one line, and how many more there are.
    public var description: String {
        let more = defects.count - 1
        return lines[0] + (more == 0 ? "" : " (and \(more) more)")
    }
}

/// Where the readers of one file put what they find wrong.
///
/// A class, because the readers of nested objects share it. Nothing here runs in a tick.
final class DefectList {
    let file: String
    private(set) var defects: [SiteDefect] = []

    init(file: String) { self.file = file }

    func add(_ place: JSONPath, _ reason: String) {
        guard defects.count < SiteError.defectsMax else { return }
        defects.append(SiteDefect(file: file, place: place.description, reason: reason))
    }
}
