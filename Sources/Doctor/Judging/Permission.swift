extension Facts.File {
    /// Whether that account may read and write this file, by the mode's bits alone: what an access
    /// list or a sandbox adds is not looked at.
    func isOpen(to account: Facts.Accounts.Account) -> Bool {
        let bits: UInt16 =
            if account.number == user {
                mode >> 6
            } else if account.groups.contains(group) {
                mode >> 3
            } else {
                mode
            }
        return bits & 0o6 == 0o6
    }

    var modeText: String {
        let text = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - text.count)) + text
    }
}

extension Facts {
    /// A device node that busbard needs: there, a device, open for its user, and for no stranger.
    ///
    /// - Parameters:
    ///   - name: what it is, for the sentence.
    ///   - missing: what to do when there is none.
    func deviceFindings(
        _ area: Finding.Area, _ name: String, _ file: File, missing: String
    ) -> [Finding] {
        switch file.kind {
        case .missing:
            return [Finding(area, .fault, "\(file.path): there is no \(name)", mend: missing)]
        case .device: break
        case .directory, .file, .other:
            return [
                Finding(
                    area, .fault, "\(file.path) is not a device, but was taken for the \(name)",
                    mend: "look at what it is, and remove it: ls -l \(file.path)")
            ]
        }
        var findings: [Finding] = []
        if let controller = accounts.controller, !file.isOpen(to: controller) {
            findings.append(
                Finding(
                    area, .fault,
                    "\(file.path): the user busbar may not read and write it (group "
                        + "\(file.group), mode \(file.modeText))",
                    mend: "udevadm control --reload && udevadm trigger"))
        }
        if file.mode & 0o6 != 0 {
            findings.append(
                Finding(
                    area, .warning,
                    "\(file.path): every user of this machine may use it (mode \(file.modeText)), "
                        + "beside busbard",
                    mend: "udevadm control --reload && udevadm trigger"))
        }
        return findings
    }
}
