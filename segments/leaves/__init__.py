"""Kinds of conditions, one class a kind.

**How an app registers a leaf.** Write a frozen dataclass below `segments.leaves.base.Leaf`:

- `kind`: its name in the JSON; `read(members)`: takes every member it knows from `segments.rules.members.Members`, which
  refuses the rest and keeps the canonical form;
- `check(catalogue)`: raises `BrokenReference` when something it names is not there;
- `reads(catalogue)`: words of what it depends on, such as `email`, `data.5`, `list.3`, `event.12`; whoever changes such a
  thing appends these words with `segments.services.queue.mark_dirty`;
- `query(scope)`: one SQL statement that yields person ids at `scope.now`, narrowed by `scope.narrow(column)`;
- `edges(scope, since, until)`: queries of the persons whose verdict the clock alone can change; `()` when none;
- `words(catalogue)`: the condition as a sentence; `seen(scope, person_id)`: the value it was decided by.

and call `segments.leaves.registry.register_leaf(TheLeaf)` in `AppConfig.ready()`. A leaf over rows of what people did
builds on `segments.leaves.activity.Rows`, `windows.Window` and `measures.Measure`: see `segments.leaves.event` for one.
"""
