import Testing

/// The tidy rules are as good as the reading of the code below them.
@Suite("Reading of Swift code")
struct SwiftCodeTests {
    @Test(
        "leaves out comments and the contents of strings, and keeps the lines",
        arguments: [
            ("let a = 1  // two", "let a = 1  "),
            ("a /* b /* c */ d */ e", "a  e"),
            ("print(\"{ \\\" // }\") // x", "print() "),
            ("a\n\"\"\"\n{ \" // \n\"\"\" b", "a\n\n\n b"),
            ("let s = \"open\nlet t = 2", "let s = \nlet t = 2"),
        ])
    func strips(text: String, code: String) {
        #expect(SwiftCode(text).lines.joined(separator: "\n") == code)
    }

    @Test("measures functions from their name to their closing brace")
    func measures() {
        let code = SwiftCode(
            """
            protocol P {
                func required(a: Int) -> Int
                init(b: Int)
            }
            struct S {
                init(c: Int) {
                    print("}")
                }
                public static func outer(
                    a: Int = { 1 }()
                ) -> Int {
                    func inner() { }
                    if a > 1 { return 2 }
                    return 3
                }
                deinit { }
            }
            """)
        #expect(
            code.functions == [
                SwiftCode.Function(name: "init", line: 6, length: 3),
                SwiftCode.Function(name: "outer", line: 9, length: 7),
                SwiftCode.Function(name: "inner", line: 12, length: 1),
                SwiftCode.Function(name: "deinit", line: 16, length: 1),
            ])
    }
}
