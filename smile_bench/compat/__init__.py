"""What keeps former names working: of modules, of settings in files, of links at the root."""
