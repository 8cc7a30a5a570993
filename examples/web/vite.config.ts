import { defineConfig } from 'vite'

// As in production behind a reverse proxy: this front end is at /app/, and all else on the same origin is the server's.
export default defineConfig({
  base: '/app/',
  server: {
    strictPort: true,
    proxy: { '^/(?!app/)': process.env.API_URL ?? 'http://localhost:8080' },
  },
})
