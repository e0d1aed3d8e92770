//! The fenced blocks of a Markdown document.

/// A fenced block.
#[derive(Debug, PartialEq)]
pub(crate) struct Block {
    /// Where it begins, from 1.
    pub(crate) line: usize,
    /// What stands behind its fence: `sh`, `sh 409`, `json`.
    pub(crate) info: String,
    pub(crate) text: String,
}

impl Block {
    /// The first word behind its fence.
    pub(crate) fn language(&self) -> &str {
        self.info.split_whitespace().next().unwrap_or_default()
    }
}

/// All of them, in their order.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, Block)> = None;
    for (line, number) in text.lines().zip(1..) {
        let trimmed = line.trim_start();
        let ticks: String = trimmed.chars().take_while(|char| *char == '`').collect();
        open = match open {
            // CommonMark 0.31, section 4.5: a fence is closed by one as long as it or longer, with nothing after it.
            Some((fence, block)) if ticks.len() >= fence.len() && trimmed.trim_end() == ticks => {
                blocks.push(block);
                None
            }
            Some((fence, block)) => Some((fence, Block { text: block.text + line + "\n", ..block })),
            None if ticks.len() >= 3 => {
                let info = trimmed[ticks.len()..].trim().to_owned();
                Some((ticks, Block { line: number, info, text: String::new() }))
            }
            None => None,
        };
    }
    blocks
}

#[test]
fn blocks_are_found() {
    let text = "a\n```sh\none\n  two\n```\n```text\nno\n```\n- x\n  ```sh 409\n  three\n  ```\n````md\n```sh\nno\n```\n````\n";
    let block = |line, info: &str, text: &str| Block { line, info: info.to_owned(), text: text.to_owned() };
    let found = blocks(text);
    assert_eq!(
        found,
        [
            block(2, "sh", "one\n  two\n"),
            block(6, "text", "no\n"),
            block(10, "sh 409", "  three\n"),
            block(13, "md", "```sh\nno\n```\n"),
        ]
    );
    assert_eq!((found[2].language(), found[3].language()), ("sh", "md"));
}
