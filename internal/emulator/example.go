package emulator

// ExampleSeed is the seed that azdo-emulator serves if none is given: one
// organization of a tenant, one of personal accounts, one that refuses personal
// access tokens, one whose tenant limits their life; one of each role, a
// guest, and users who cannot sign in. Everybody's password is DefaultPassword.
const ExampleSeed = `{
  "tenants": [
    {"name": "contoso", "id": "6f9d3a52-41c8-4b7e-9d55-0c1f2a3b4c5d"},
    {"name": "northwind", "id": "0d4f8c1e-7a35-4c62-8b9f-2e6d5a4b3c2d"},
    {"name": "wingtip", "id": "b81c9e07-5d2f-4a3b-9c4d-7f6e5d4c3b2a", "policy": {"maxPatDays": 3, "restrictFullScopePats": true}}
  ],
  "organizations": [
    {
      "name": "contoso",
      "tenant": "contoso",
      "projects": [
        {
          "name": "shop",
          "repositories": [
            {
              "name": "web",
              "files": {"README.md": "# Web\n\nThe shop's front end.\n", "src/main.txt": "hello\n"}
            },
            {
              "name": "core",
              "files": {"README.md": "# Core\n"},
              "protected": ["refs/heads/main", "refs/heads/release/*"]
            },
            {"name": "empty"}
          ]
        },
        {
          "name": "Internal Tools",
          "repositories": [{"name": "Build Scripts", "files": {"build.sh": "echo build\n"}}]
        }
      ]
    },
    {
      "name": "ada-at-home",
      "projects": [
        {
          "name": "notes",
          "visibility": "public",
          "repositories": [{"name": "notes", "files": {"README.md": "# Notes\n"}}]
        }
      ]
    },
    {
      "name": "northwind",
      "tenant": "northwind",
      "policy": {"restrictPats": true},
      "projects": [{"name": "trade", "repositories": [{"name": "orders", "files": {"README.md": "# Orders\n"}}]}]
    },
    {
      "name": "wingtip",
      "tenant": "wingtip",
      "projects": [{"name": "toys", "repositories": [{"name": "kites", "files": {"README.md": "# Kites\n"}}]}]
    }
  ],
  "users": [
    {
      "upn": "ada@contoso.com",
      "displayName": "Ada",
      "password": "not-a-real-password",
      "totp": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
      "access": [
        {"on": "contoso", "role": "contributor"},
        {"on": "ada-at-home", "role": "administrator"},
        {"on": "northwind", "role": "contributor"},
        {"on": "wingtip", "role": "contributor"}
      ]
    },
    {"upn": "ben@contoso.com", "displayName": "Ben", "access": [{"on": "contoso", "role": "contributor"}]},
    {"upn": "nina@northwind.com", "displayName": "Nina", "access": [
      {"on": "northwind", "role": "administrator"}, {"on": "contoso/shop", "role": "reader"}]},
    {"upn": "wim@wingtip.com", "displayName": "Wim", "access": [{"on": "wingtip", "role": "administrator"}]},
    {"upn": "carol@outlook.com", "displayName": "Carol", "access": [{"on": "ada-at-home", "role": "contributor"}]},
    {"upn": "lou@contoso.com", "displayName": "Lou", "locked": true, "access": [{"on": "contoso", "role": "contributor"}]},
    {"upn": "dora@contoso.com", "displayName": "Dora", "disabled": true, "access": [{"on": "contoso", "role": "contributor"}]},
    {"upn": "nate@contoso.com", "displayName": "Nate", "totp": "none", "access": [{"on": "contoso", "role": "contributor"}]},
    {
      "upn": "rita@contoso.com",
      "displayName": "Rita",
      "access": [{"on": "contoso/shop", "role": "reader"}]
    },
    {
      "upn": "adam@contoso.com",
      "displayName": "Adam",
      "access": [{"on": "contoso", "role": "administrator", "allow": ["policyExempt"]}]
    }
  ],
  "applications": [
    {
      "name": "Sample of our own",
      "id": "5a3e1c7b-9d20-4f68-8a4b-6c5d4e3f2a1b",
      "redirects": ["http://localhost", "http://127.0.0.1"],
      "permissions": ["vso.pats_manage", "vso.code_write"]
    },
    {
      "name": "Contoso's own",
      "id": "c0ffee11-2b3c-4d5e-8f60-718293a4b5c6",
      "audience": "AzureADMyOrg",
      "tenant": "contoso",
      "assigned": ["ada@contoso.com"],
      "permissions": ["vso.pats_manage", "vso.code_write"]
    }
  ]
}
`
