/// Text in columns that line up. Widths are counted in characters; colour comes on afterwards, so
/// it does not shift anything.
struct Table {
    struct Cell {
        var text: String
        var paint: Style.Paint

        init(_ text: String, _ paint: Style.Paint = .plain) {
            self.text = text
            self.paint = paint
        }
    }

    private let style: Style
    private var rows: [[Cell]]
    private let rightAligned: Set<Int>

    /// - Parameter rightAligned: the columns of numbers.
    init(_ headings: [String], rightAligned: Set<Int> = [], style: Style) {
        self.style = style
        rows = [headings.map { Cell($0, .faint) }]
        self.rightAligned = rightAligned
    }

    mutating func add(_ cells: [Cell]) { rows.append(cells) }
    mutating func add(texts: [String]) { rows.append(texts.map { Cell($0) }) }

    var isEmpty: Bool { rows.count == 1 }

    /// One line for each row, columns two spaces apart.
    func lines(indent: Int = 2) -> [String] {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].text.count : 0 }.max() ?? 0
        }
        return rows.map { row in
            var line = String(repeating: " ", count: indent)
            for (column, cell) in row.enumerated() {
                let space = String(repeating: " ", count: widths[column] - cell.text.count)
                let isLast = column == row.count - 1
                if rightAligned.contains(column) {
                    line += space + style.paint(cell.text, cell.paint)
                } else {
                    line += style.paint(cell.text, cell.paint) + (isLast ? "" : space)
                }
                if !isLast { line += "  " }
            }
            return line
        }
    }
}
