import Testing

/// What is told to a person at three places, and what waits at one for what another gives, agrees.
@Suite("Installation")
struct InstallationTests {
    private static let install = SourceTree.text(of: ".ci/install")

    /// The commands of the README's numbered steps under "On a device", without sudo and remarks.
    private static let commands: [String] = {
        let readme = SourceTree.text(of: "README.md")
        guard let start = readme.firstRange(of: "## On a device") else { return [] }
        let rest = readme[start.upperBound...]
        let chapter = rest[..<(rest.firstRange(of: "\n## ")?.lowerBound ?? rest.endIndex)]
        return chapter.split(separator: "\n").compactMap { line in
            guard line.hasPrefix("   sudo "), !line.contains("make install") else { return nil }
            let command = line.dropFirst(3).split(separator: "  # ")[0].replacing("sudo ", with: "")
            return String(command.reversed().drop { $0 == " " }.reversed())
        }
    }()

    @Test("make install closes with every step that the README has after it")
    func closingWords() {
        #expect(
            Self.commands.contains { $0.hasPrefix("modprobe i2c-dev") }
                && Self.commands.count >= 5, "the README's blocks were not read: \(Self.commands)")
        let closing = Self.install.components(after: "install: next")
        for command in Self.commands + [
            "board/rpi/config.txt", "reboot", "/etc/busbar/site/site.json",
        ] {
            #expect(closing.contains(command), ".ci/install ends without: \(command)")
        }
    }

    /// The device units that busbard's unit waits for, as it names them.
    private static let awaited: [String] = SourceTree.text(of: "systemd/busbard.service")
        .split(separator: "\n").filter { $0.hasPrefix("Wants=") }
        .flatMap { $0.dropFirst("Wants=".count).split(separator: " ") }
        .filter { $0.hasSuffix(".device") }.map(String.init)

    @Test("what busbard's unit waits for is named by the udev rules, and not waited for long")
    func awaitedDevices() {
        let rules = ["udev/60-busbar.rules", "udev/61-busbar-can.rules"]
            .flatMap { SourceTree.text(of: $0).split(separator: "\n") }
            .filter { !$0.hasPrefix("#") }.joined(separator: "\n")
        #expect(Self.awaited.count == 2)
        for unit in Self.awaited {
            let name = unit.dropLast(".device".count)
            #expect(
                Self.install.contains(name), "\(unit): .ci/install gives it no devices.conf")
            let path = "/" + name.replacing("-", with: "/").replacing("\\x2d", with: "-")
            let isNamed =
                path.hasPrefix("/dev/")
                ? rules.contains("SYMLINK+=\"\(path.dropFirst("/dev/".count))\"")
                : rules.contains("ENV{SYSTEMD_ALIAS}+=\"\(path)\"")
            #expect(isNamed, "\(unit): no udev rule gives \(path)")
        }
    }
}

extension String {
    /// What stands after the first `mark`; nothing, if it is not there.
    fileprivate func components(after mark: String) -> Substring {
        guard let place = firstRange(of: mark) else { return "" }
        return self[place.upperBound...]
    }
}
