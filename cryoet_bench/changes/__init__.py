"""What changed between releases, how sure that is, and how it is reported.

- The recorded history proposes: `history` reads every series of a `scope`, `steps` finds where a
  time jumps, `moves` collects what moved at each release, and `screen` makes it a `finding`:
  one release, one question, one sentence. `subject`, `companions` and `causes` add which cases it
  is about, which exact metric explains it, and why; `sentence` puts it into words.
- Paired measurements confirm: `proposals` lists what is open, `pairing` measures two revisions side
  by side, `sequence` gives the interval that holds at every moment, `confirmation` keeps blocks and
  verdicts, and `unproposed` adds what only they have found.
- Any two revisions: `comparison` goes case by case, `aspect_changes` by the `aspects` of the site.
- Unreleased code: `gate` measures it against a release, `judgement` says what it does otherwise,
  and `gate_report` puts that into text.
- The commit: `bisection` looks for the release, then the commit, that changed a benchmark.
- For others: `notes` are release notes, `report` an issue with a script spelled out by `recipes`,
  and `reproduction` the command lines that measure it again.
"""
