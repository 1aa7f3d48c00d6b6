"""Is a volume sound, and did storing it hurt it?"""
