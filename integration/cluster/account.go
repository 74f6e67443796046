package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// Action is what a right allows.
type Action string

// The actions of ACL 2.0; ACL 1.0 knows Pub and Sub.
const (
	Pub    Action = "Pub"
	Sub    Action = "Sub"
	Create Action = "Create"
	Update Action = "Update"
	Delete Action = "Delete"
	Get    Action = "Get"
	List   Action = "List"
)

// Right allows actions on one resource, written as in ACL 2.0: "Topic:orders", "Group:g",
// "Cluster:DefaultCluster", with * for any name. ACL 1.0 knows topics and groups, by exact
// names.
type Right struct {
	Resource string
	Actions  []Action
}

// Account is somebody who may do what Rights say and nothing else. Both keys need at least
// seven characters.
type Account struct {
	AccessKey, SecretKey string
	Rights               []Right
}

// CreateAccount creates an account on every broker of a cluster that was started with ACL; an
// account of that name must not be there. It returns the cluster as that account sees it. On
// error, ctx's end included, some of the brokers may have the account.
func (c *Cluster) CreateAccount(ctx context.Context, account Account) (holdfast.Cluster, error) {
	seen := c.Holdfast()
	if !c.config.ACL {
		return seen, errors.New("cluster: create account: the cluster has no access control: start it with Config.ACL")
	}
	create := c.createUser
	if c.config.is4x() {
		create = c.createPlainAccount
	}
	for _, n := range c.nodes[1:] {
		if err := create(ctx, n, account); err != nil {
			return seen, fmt.Errorf("cluster: create account %s on %s: %w", account.AccessKey, n.Name(), err)
		}
	}
	seen.AccessKey, seen.SecretKey = account.AccessKey, account.SecretKey
	return seen, nil
}

// Requests of ACL 2.0 and 1.0, and their headers.
const (
	authCreateUser           = 3001
	authCreateACL            = 3006
	updateAndCreateACLConfig = 50
)

type usernameHeader struct {
	Username string `rmq:"username"`
}

type subjectHeader struct {
	Subject string `rmq:"subject"`
}

type plainAccessHeader struct {
	AccessKey        string `rmq:"accessKey"`
	SecretKey        string `rmq:"secretKey"`
	Admin            bool   `rmq:"admin"`
	DefaultTopicPerm string `rmq:"defaultTopicPerm"`
	DefaultGroupPerm string `rmq:"defaultGroupPerm"`
	TopicPerms       string `rmq:"topicPerms,omitempty"`
	GroupPerms       string `rmq:"groupPerms,omitempty"`
}

// createUser is for ACL 2.0: a user, and a policy for all of its rights.
func (c *Cluster) createUser(ctx context.Context, n *Node, account Account) error {
	user := map[string]string{
		"username": account.AccessKey, "password": account.SecretKey, "userType": "Normal", "userStatus": "enable",
	}
	if err := c.order(ctx, n, authCreateUser, usernameHeader{account.AccessKey}, user); err != nil {
		return err
	}
	if len(account.Rights) == 0 {
		return nil
	}
	type entry struct {
		Resource string   `json:"resource"`
		Actions  []Action `json:"actions"`
		Decision string   `json:"decision"`
	}
	var entries []entry
	for _, r := range account.Rights {
		entries = append(entries, entry{r.Resource, r.Actions, "Allow"})
	}
	subject := "User:" + account.AccessKey
	return c.order(ctx, n, authCreateACL, subjectHeader{subject}, map[string]any{
		"subject":  subject,
		"policies": []any{map[string]any{"policyType": "Custom", "entries": entries}},
	})
}

// createPlainAccount is for ACL 1.0: everything that is not named is denied.
func (c *Cluster) createPlainAccount(ctx context.Context, n *Node, account Account) error {
	header := plainAccessHeader{
		AccessKey: account.AccessKey, SecretKey: account.SecretKey, DefaultTopicPerm: "DENY", DefaultGroupPerm: "DENY",
	}
	var topics, groups []string
	for _, r := range account.Rights {
		kind, name, _ := strings.Cut(r.Resource, ":")
		var actions []string
		for _, a := range r.Actions {
			if a != Pub && a != Sub {
				return fmt.Errorf("right %s on %s: ACL 1.0 knows only Pub and Sub", a, r.Resource)
			}
			actions = append(actions, strings.ToUpper(string(a)))
		}
		switch kind {
		case "Topic":
			topics = append(topics, name+"="+strings.Join(actions, "|"))
		case "Group":
			groups = append(groups, name+"="+strings.Join(actions, "|"))
		default:
			return fmt.Errorf("right on %s: ACL 1.0 knows only topics and groups", r.Resource)
		}
	}
	header.TopicPerms, header.GroupPerms = strings.Join(topics, ","), strings.Join(groups, ",")
	return c.order(ctx, n, updateAndCreateACLConfig, header, nil)
}

// order sends a request whose answer has nothing but success or failure.
func (c *Cluster) order(ctx context.Context, n *Node, code int, header, body any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	_, err := c.client.Do(ctx, n.Address(), remoting.NewRequest(code, header, text))
	return err
}
