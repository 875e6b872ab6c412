"""What a build writes: the document (JSON), the page (HTML), the Markdown table."""
