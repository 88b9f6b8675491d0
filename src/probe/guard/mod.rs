//! What keeps a probe from doing harm: the redactor and the sandbox of `command`.
